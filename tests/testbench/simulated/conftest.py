"""A certificate for charge points to install."""

import pytest

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBizCCATGgAwIBAgIEAKvBIzAKBggqhkjOPQQDAjAiMREwDwYDVQQKDAhPcGVy
YXRvcjENMAsGA1UEAwwEUm9vdDAgFw0yNjExMjYwNDM4NDlaGA8yMTI2MTEwMjA0
Mzg0OVowIjERMA8GA1UECgwIT3BlcmF0b3IxDTALBgNVBAMMBFJvb3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAASmwzofiXPr/VuzyJ2AoV6y4Jug4gStWRmGFVjQ
f1PQnT9h4xuP31s2a2JroxhY8HpgQo4QVOAKpAnqhbRjkEZlo1MwUTAdBgNVHQ4E
FgQUbFup/Ipaq0a7rICHcQEZMYxbmzwwHwYDVR0jBBgwFoAUbFup/Ipaq0a7rICH
cQEZMYxbmzwwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAs80LV
0wYH9OrrFGwArCUejzr2fwVArr931AYNrb11lwIhANPCqkKMfbiiiwOxNRD0X5b1
/wFJQKt+ANuAtO9ZllwL
-----END CERTIFICATE-----
"""
"""Made with openssl req -x509 -newkey ec -subj /O=Operator/CN=Root -set_serial 0xabc123."""


@pytest.fixture
def certificate() -> str:
    return CERTIFICATE
