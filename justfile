# Recipes for developers; .ci/run calls the same ones. Install with: just install

venv := env("VENV", ".venv")
bin := venv / "bin"

[private]
default:
    @just --list

# make the virtual environment with every pinned tool, and the project in it, editable
install:
    python3 -m venv {{venv}}
    {{bin}}/pip install --quiet --requirement requirements/dev.txt
    {{bin}}/pip install --quiet --no-deps --no-build-isolation --editable .

# start the server: just serve --heartbeat-interval 60
serve *arguments:
    {{bin}}/ocpp-actors serve {{arguments}}

# run tests, all or some: just test tests/protocol -k frames
test *arguments:
    {{bin}}/pytest {{arguments}}

# run all tests and measure what they cover
coverage:
    {{bin}}/coverage run -m pytest -n 2 --dist loadfile
    {{bin}}/coverage combine --quiet
    {{bin}}/coverage report

# look for mistakes and for unformatted code
lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .
    # flake8-async takes half a second for a file, so it reads only those in which it could find something. ASYNC114
    # wants a list of functions for nursery.start; ASYNC124: a handler or an admission step is async because its caller
    # awaits any of them; ASYNC122 is about trio before 0.27; ASYNC300 is ruff's RUF006; the others are off by default,
    # which naming one undoes
    git grep --untracked -lwE 'async|await|trio|BaseException|(Base)?ExceptionGroup' -- '*.py' | \
        xargs -P 2 -n 50 {{bin}}/flake8-async \
        --disable ASYNC114,ASYNC122,ASYNC124,ASYNC300,ASYNC106,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913

# format, and put right what can be put right
format:
    {{bin}}/ruff check --fix .
    {{bin}}/ruff format .

# check the types
types:
    {{bin}}/mypy

# check that imports go down only
imports:
    {{bin}}/lint-imports

# look for known vulnerabilities in what the server is run with; says so where the database of them cannot be asked
audit:
    bash .ci/audit

# build the site in docs/_build/html; warnings are errors
docs:
    {{bin}}/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

# make the pictures of the dashboard and of a report anew, with Chromium
pictures:
    PYTHONPATH=. {{bin}}/python docs/_pictures.py

# measure all that docs/performance.md promises, in five minutes
bench *arguments:
    {{bin}}/python bench/overview.py {{arguments}}

# measure this tree against the last commit, or the last against the one before: just bench-compare --rounds 9
bench-compare *arguments:
    {{bin}}/python bench/regressions.py {{arguments}}

# everything that CI runs
ci:
    bash .ci/run

# pin all dependencies anew, with hashes: just lock, or just lock --upgrade-package trio
lock *arguments:
    {{bin}}/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header {{arguments}} \
        --group dev pyproject.toml --output-file requirements/dev.txt
    {{bin}}/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header {{arguments}} \
        --constraint requirements/dev.txt --group test --group build pyproject.toml --output-file requirements/test.txt
    {{bin}}/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header {{arguments}} \
        --constraint requirements/dev.txt --extra postgresql --group build pyproject.toml \
        --output-file requirements/run.txt
    {{bin}}/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header {{arguments}} \
        --group audit --output-file requirements/audit.txt
