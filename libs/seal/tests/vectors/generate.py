#!/usr/bin/env python3
"""Computes vectors.json: what spike-seal must give, worked out without it.

Shares no code with the crate and none with the libraries beneath it: HKDF over Python's hmac, and
ChaCha20 (RFC 8439), GF(2^8), AES-256 (FIPS 197) and GCM (SP 800-38D) written out below, each checked
against its standard's own example first. Usage: python3 generate.py > vectors.json
"""

import hashlib
import hmac
import json
import struct


# --- primitives --------------------------------------------------------------
def hkdf(key, salt, info, length):
    prk = hmac.new(salt, key, hashlib.sha256).digest()
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def chacha20_block(key, counter):
    def rotl(x, n):
        return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

    state = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    state += [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    w = state[:]

    def quarter(a, b, c, d):
        w[a] = (w[a] + w[b]) & 0xFFFFFFFF; w[d] = rotl(w[d] ^ w[a], 16)
        w[c] = (w[c] + w[d]) & 0xFFFFFFFF; w[b] = rotl(w[b] ^ w[c], 12)
        w[a] = (w[a] + w[b]) & 0xFFFFFFFF; w[d] = rotl(w[d] ^ w[a], 8)
        w[c] = (w[c] + w[d]) & 0xFFFFFFFF; w[b] = rotl(w[b] ^ w[c], 7)

    for _ in range(10):
        quarter(0, 4, 8, 12); quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15); quarter(1, 6, 11, 12); quarter(2, 7, 8, 13); quarter(3, 4, 9, 14)
    return [(a + b) & 0xFFFFFFFF for a, b in zip(w, state)]


def words(seed):
    counter = 0
    while True:
        yield from chacha20_block(seed, counter)
        counter += 1


def gf_mul(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product


def split(secret, seed, threshold, shares):
    """One polynomial per byte of the secret; coefficients from the highest degree down, each the low
    byte of one ChaCha20 word."""
    stream = words(seed)
    polys = [[next(stream) & 0xFF for _ in range(threshold - 1)] + [byte] for byte in secret]
    out = []
    for x in range(1, shares + 1):
        y = []
        for poly in polys:
            value = 0
            for coefficient in poly:
                value = gf_mul(value, x) ^ coefficient
            y.append(value)
        out.append(bytes(y))
    return out


def aes_tables():
    def xtime(a):
        a <<= 1
        return (a ^ 0x11B) & 0xFF if a & 0x100 else a

    def mul(a, b):
        product = 0
        while b:
            if b & 1:
                product ^= a
            a, b = xtime(a), b >> 1
        return product

    sbox = []
    for byte in range(256):
        inverse = next((x for x in range(256) if mul(byte, x) == 1), 0)
        s = 0x63
        for shift in range(5):
            s ^= ((inverse << shift) | (inverse >> (8 - shift))) & 0xFF
        sbox.append(s)
    return sbox, mul


SBOX, AES_MUL = aes_tables()


def aes256(key, block):
    w = [list(key[i:i + 4]) for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        t = w[i - 1][:]
        if i % 8 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = AES_MUL(rcon, 2)
        elif i % 8 == 4:
            t = [SBOX[b] for b in t]
        w.append([a ^ b for a, b in zip(w[i - 8], t)])
    keys = [sum(w[4 * r:4 * r + 4], []) for r in range(15)]
    s = [a ^ b for a, b in zip(block, keys[0])]
    for r in range(1, 15):
        s = [SBOX[b] for b in s]
        s = [s[(i + 4 * (i % 4)) % 16] for i in range(16)]
        if r < 14:
            mixed = []
            for c in range(0, 16, 4):
                a = s[c:c + 4]
                for i in range(4):
                    mixed.append(AES_MUL(a[i], 2) ^ AES_MUL(a[(i + 1) % 4], 3)
                                 ^ a[(i + 2) % 4] ^ a[(i + 3) % 4])
            s = mixed
        s = [a ^ b for a, b in zip(s, keys[r])]
    return bytes(s)


def gcm(key, nonce, aad, plaintext):
    h = int.from_bytes(aes256(key, bytes(16)), "big")

    def times_h(x):
        z, v = 0, h
        for i in range(127, -1, -1):
            if (x >> i) & 1:
                z ^= v
            v = (v >> 1) ^ (0xE1 << 120) if v & 1 else v >> 1
        return z

    def pad(b):
        return b + bytes(-len(b) % 16)

    text = b""
    for i in range(0, len(plaintext), 16):
        mask = aes256(key, nonce + struct.pack(">I", i // 16 + 2))
        text += bytes(a ^ b for a, b in zip(plaintext[i:i + 16], mask))
    y = 0
    hashed = pad(aad) + pad(text) + struct.pack(">QQ", 8 * len(aad), 8 * len(text))
    for i in range(0, len(hashed), 16):
        y = times_h(y ^ int.from_bytes(hashed[i:i + 16], "big"))
    tag = y ^ int.from_bytes(aes256(key, nonce + b"\0\0\0\1"), "big")
    return text + tag.to_bytes(16, "big")


def check_primitives():
    # RFC 5869, A.1; FIPS 197, C.3; SP 800-38D test case 16 (as in McGrew and Viega); RFC 8439, A.1.
    assert hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42).hex().startswith(
        "3cb25f25faacd57a90434f64d0362f2a")
    assert aes256(bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == \
        "8ea2b7ca516745bfeafc49904b496089"
    assert gcm(bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
               bytes.fromhex("cafebabefacedbaddecaf888"),
               bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
               bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
               ).hex().endswith("76fc6ece0f4e1768cddf8853bb2d551b")
    assert struct.pack("<16I", *chacha20_block(bytes(32), 0)).hex().startswith(
        "76b8e0ada0f13d90405d6ae55386bd28")


# --- Spike -------------------------------------------------------------------
def transcript(*parts):
    out = b""
    for part in parts:
        if isinstance(part, str):
            part = part.encode()
        elif isinstance(part, int):
            part = struct.pack(">Q", part)
        out += struct.pack(">I", len(part)) + part
    return out


def of(purpose, *parts):
    return transcript("spike/v1", purpose, *parts)


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def under_root(root, cluster, *info):
    return hkdf(root, cluster, of(*info), 32)


def set_id(root, cluster, epoch, attempt, t, n):
    return mac(under_root(root, cluster, "set"), of("set", epoch, t, n, attempt))[:16]


def keepers_shards(root, cluster, epoch, attempt, t, n):
    seed = under_root(root, cluster, "shares", epoch, t, n, attempt)
    return split(root, seed, t, n)


def shard_digest(cluster, epoch, t, n, i, shard):
    return hashlib.sha256(transcript("spike/v1/shard", cluster, epoch, t, n, i, shard)).digest()


def escrow_shards(root, cluster, root_epoch, number, t, n):
    return split(root, under_root(root, cluster, "escrow", root_epoch, number, t, n), t, n)


def escrow_digest(cluster, root_epoch, number, t, n, i, shard):
    return hashlib.sha256(
        transcript("spike/v1/escrow", cluster, root_epoch, number, t, n, i, shard)).digest()


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def sealed(key, key_id, salt, binding, plaintext):
    okm = hkdf(key, salt, binding, 44)
    return b"\x01" + struct.pack(">I", key_id) + salt + gcm(okm[:32], okm[32:], binding, plaintext)


def material(label, length):
    """Stands for random bytes; anyone can make them again."""
    return hashlib.shake_256(b"spike vectors: " + label.encode()).digest(length)


def splits():
    out = []
    for epoch, attempt, t, n in [(1, 1, 2, 3), (1, 2, 2, 3), (2, 1, 3, 5), (1, 1, 1, 1), (7, 9, 5, 5),
                                 (1, 1, 17, 255)]:
        root, cluster = material(f"root {epoch} {t}", 32), material(f"cluster {n}", 16)
        shards = keepers_shards(root, cluster, epoch, attempt, t, n)
        escrow = escrow_shards(root, cluster, epoch, attempt, t, n)
        out.append({
            "root": root.hex(), "cluster": cluster.hex(), "epoch": epoch, "attempt": attempt,
            "threshold": t, "shares": n,
            "setId": set_id(root, cluster, epoch, attempt, t, n).hex(),
            "shards": [s.hex() for s in shards],
            "digests": [shard_digest(cluster, epoch, t, n, i, s).hex()
                        for i, s in enumerate(shards, 1)],
            "escrowShards": [s.hex() for s in escrow],
            "escrowDigests": [escrow_digest(cluster, epoch, attempt, t, n, i, s).hex()
                              for i, s in enumerate(escrow, 1)],
        })
    return out


def ring():
    """A first claim, its activation and its first recovery shards, to the byte."""
    root, cluster, random = material("ring root", 32), material("ring cluster", 16), \
        material("activation", 4 * (32 + 12))
    t, n, generation = 2, 3, 5
    kek = under_root(root, cluster, "kek")
    keys = []
    for i, purpose in enumerate(["record", "index", "cipher", "audit"]):
        chunk = random[44 * i:44 * (i + 1)]
        key, nonce = chunk[:32], chunk[32:]
        wrapped = gcm(kek, nonce, of("kek", cluster, i + 1, purpose), key)
        keys.append({"id": i + 1, "purpose": purpose, "active": True, "nonce": nonce.hex(),
                     "wrapped": wrapped.hex()})
    shards = keepers_shards(root, cluster, 1, 1, t, n)

    def document(revision, escrow):
        body = {"format": 1, "minReader": 1, "instance": "team/a", "clusterId": cluster.hex(),
                "revision": revision, "state": "active", "epoch": 1, "attempt": 1,
                "generation": generation, "quorum": {"shares": n, "threshold": t},
                "setId": set_id(root, cluster, 1, 1, t, n).hex(),
                "shardDigests": [shard_digest(cluster, 1, t, n, i, s).hex()
                                 for i, s in enumerate(shards, 1)],
                **escrow, "keys": keys, "rootEpoch": 1}
        ring_key = under_root(root, cluster, "ring")
        body["mac"] = mac(ring_key, of("ring", cluster, compact(body))).hex()
        return compact(body)

    recovery = escrow_shards(root, cluster, 1, 1, 2, 4)
    escrow = {"set": 1, "quorum": {"shares": 4, "threshold": 2},
              "digests": [escrow_digest(cluster, 1, 1, 2, 4, i, s).hex()
                          for i, s in enumerate(recovery, 1)], "recipients": []}
    return {
        "root": root.hex(), "cluster": cluster.hex(), "instance": "team/a", "random": random.hex(),
        "threshold": t, "shares": n, "generation": generation,
        "claimed": compact({"format": 1, "minReader": 1, "instance": "team/a",
                            "clusterId": cluster.hex(), "revision": 1, "state": "claimed",
                            "attempt": 1, "generation": generation,
                            "quorum": {"shares": n, "threshold": t}}),
        "active": document(2, {}),
        "withEscrow": document(3, {"escrow": escrow}),
        "recovery": [s.hex() for s in recovery],
        "uses": uses(cluster, *(random[44 * i:44 * i + 32] for i in range(4))),
    }


def uses(cluster, record, index, cipher, audit):
    path, incarnation, version = "team/db/password", material("incarnation", 16), 7
    salt, text = material("salt", 24), b'{"user":"root","pass":"swordfish"}'
    tag, nonce = material("tag", 16), material("nonce", 12)

    def time(seconds, nanos):
        return struct.pack(">qI", seconds, nanos)

    head = b"\x01" + struct.pack(">H", len(path)) + path.encode() + incarnation
    head += struct.pack(">QQ", 9, 8) + time(1_700_000_000, 5) + time(-1, 999_999_999)
    head += struct.pack(">II", 10, 1)
    head += struct.pack(">Q", version) + time(1_700_000_001, 0) + b"\x00" + tag
    cipher_key = hkdf(cipher, nonce, of("cipher", cluster, 3), 32)
    return {
        "path": path, "incarnation": incarnation.hex(), "version": version, "salt": salt.hex(),
        "text": text.hex(), "tag": tag.hex(), "nonce": nonce.hex(),
        "record": sealed(record, 1, salt, of("record", cluster, path, incarnation, version, 1),
                         text).hex(),
        "policy": sealed(record, 1, salt, of("policy", cluster, "db-read", 4, tag, 1), text).hex(),
        "manifest": sealed(record, 1, salt, of("manifest", cluster, "manifest", 4, tag, 1),
                           text).hex(),
        "head": head.hex(),
        "headMac": mac(index, of("head", cluster, 2, head)).hex(),
        "callerHash": mac(index, of("hash", "caller", cluster, b"spiffe://x/a", b"")).hex(),
        "ciphertext": gcm(cipher_key, nonce, b"\x01", text).hex(),
        "auditSeed": audit.hex(),
    }


if __name__ == "__main__":
    check_primitives()
    print(json.dumps({"splits": splits(), "ring": ring()}, indent=1))
