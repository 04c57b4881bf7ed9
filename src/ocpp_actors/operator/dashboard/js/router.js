/** Addresses behind the `#`: `#/charge-points/CP%201/messages?direction=in`. */

/**
 * @typedef {{params: Record<string, string>, query: URLSearchParams, path: string}} Place
 * @typedef {(context: any) => Promise<{title: string, element: HTMLElement}>} Page
 */

/**
 * The hash of a place in the dashboard.
 *
 * @param {string[]} segments
 * @param {Record<string, unknown>} [query] what is null, undefined, false or empty is left out
 */
export function hash(segments, query = {}) {
  const chosen = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== false);
  const text = new URLSearchParams(chosen.map(([name, value]) => [name, String(value)]).filter(([, value]) => value));
  return `#/${segments.map(encodeURIComponent).join("/")}${text.size ? `?${text}` : ""}`;
}

/** Go somewhere. @param {string[]} segments @param {Record<string, unknown>} [query] */
export function go(segments, query = {}) {
  location.hash = hash(segments, query);
}

/** Keep what a page's filters are in its address, without leaving the page. @param {Record<string, unknown>} query */
export function keepQuery(query) {
  const { path } = current();
  const segments = path.split("/").filter(Boolean).map(decode);
  history.replaceState(null, "", hash(segments, query));
}

/** Where the dashboard is now. @returns {{path: string, query: URLSearchParams}} */
export function current() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", query: new URLSearchParams(query) };
}

/**
 * The page of a path among patterns such as `/charge-points/:identity/:section?`.
 *
 * @param {[string, Page][]} routes
 * @param {string} path
 * @returns {{page: Page, params: Record<string, string>} | null}
 */
export function match(routes, path) {
  const segments = path.split("/").filter(Boolean);
  for (const [pattern, page] of routes) {
    const names = pattern.split("/").filter(Boolean);
    const least = names.filter((name) => !name.endsWith("?")).length;
    if (segments.length < least || segments.length > names.length) continue;
    const params = {};
    const fits = segments.every((segment, index) => {
      if (!names[index].startsWith(":")) return names[index] === segment;
      params[names[index].slice(1).replace("?", "")] = decode(segment);
      return true;
    });
    if (fits) return { page, params };
  }
  return null;
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
