"""The PyPI package `spiffe` against the development authority.

Takes an endpoint and the expected SPIFFE ID. Prints one JSON line; fails on the first surprise.
"""

import json
import sys
import threading
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ExtensionOID
from spiffe import WorkloadApiClient, X509Source
from spiffe.workloadapi.errors import FetchJwtBundleError


def check_svid(svid, bundle, expected):
    assert str(svid.spiffe_id) == expected, svid.spiffe_id
    leaf = svid.leaf
    assert leaf.not_valid_before_utc <= datetime.now(timezone.utc) < leaf.not_valid_after_utc
    usage = leaf.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE)
    assert usage.critical and usage.value.digital_signature
    (root,) = bundle.x509_authorities
    leaf.verify_directly_issued_by(root)
    assert isinstance(svid.private_key.curve, ec.SECP256R1)
    assert svid.private_key.public_key() == leaf.public_key(), "the key is not the leaf's"


def first_rotation(client):
    """The serial numbers of two SVIDs in a row on one stream."""
    serials, enough, errors = [], threading.Event(), []

    def on_success(context):
        serials.append(context.default_svid.leaf.serial_number)
        if len(serials) == 2:
            enough.set()

    cancel = client.stream_x509_contexts(on_success, errors.append)
    arrived = enough.wait(20)
    cancel.cancel()
    assert arrived and not errors, (serials, errors)
    return serials


def main(endpoint, expected):
    with WorkloadApiClient(endpoint) as client:
        svid = client.fetch_x509_svid()
        (bundle,) = client.fetch_x509_bundles().bundles
        check_svid(svid, bundle, expected)

        first, second = first_rotation(client)
        assert first != second, "no new SVID"

        try:
            client.fetch_jwt_bundles()
            raise AssertionError("JWT-SVIDs are not issued")
        except FetchJwtBundleError:
            pass

    with X509Source(socket_path=endpoint, timeout_in_seconds=10) as source:
        assert str(source.svid.spiffe_id) == expected
    print(json.dumps({"id": expected, "rotated": [str(first), str(second)]}))


main(*sys.argv[1:])
