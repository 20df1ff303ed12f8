#!/usr/bin/env python3
"""Checks a NexusRAG proof file (docs/ledger-format.md) with the Python standard library alone.

usage: verify_proof.py FILE [--vkey VKEY] [--previous CHECKPOINT_FILE] [--witness VKEY ...] [--quorum N]

Prints one JSON line. Exit codes: 0 ok, 10 bad-signature, 11 not-included, 12 inconsistent-history, 13 gap,
14 payload-mismatch, 15 incomplete, 16 policy, 17 malformed. Written apart from the TypeScript verifier on purpose.
"""
import argparse
import base64
import hashlib
import json
import re
import sys

CODES = {
    "ok": 0, "bad-signature": 10, "not-included": 11, "inconsistent-history": 12, "gap": 13,
    "payload-mismatch": 14, "incomplete": 15, "policy": 16, "malformed": 17,
}
MAX_SAFE = 2**53 - 1


class Refused(Exception):
    def __init__(self, verdict, message):
        super().__init__(message)
        self.verdict = verdict


# Ed25519 (RFC 8032, 5.1), on extended coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_mul(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_decode(BASE_Y.to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# Signed notes and checkpoints (C2SP).
def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("malformed", "not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Refused("malformed", "not base64")
    return data


def parse_vkey(vkey, verdict="malformed"):
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", vkey)
    if match is None:
        raise Refused(verdict, "not a verifier key")
    name, key_id, key = match[1], match[2], unbase64(match[3])
    if hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != key_id:
        raise Refused(verdict, "the key id is not that of the key")
    if len(key) != 33 or key[0] != 1:
        raise Refused(verdict, "unknown signature algorithm")
    return {"name": name, "id": key_id, "key": key[1:]}


def parse_note(note):
    if any(letter < " " and letter != "\n" for letter in note):
        raise Refused("malformed", "control characters in a note")
    split = note.rfind("\n\n")
    if split < 0 or not note.endswith("\n"):
        raise Refused("malformed", "a note without signatures")
    signatures = []
    for line in note[split + 2:-1].split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)", line)
        if match is None:
            raise Refused("malformed", "not a signature line")
        blob = unbase64(match[2])
        if len(blob) < 5:
            raise Refused("malformed", "a signature is too short")
        signatures.append((match[1], blob[:4].hex(), blob[4:]))
    if len(signatures) > 100:
        raise Refused("malformed", "too many signatures")
    return note[:split + 1], signatures


def signers(note, keys):
    text, signatures = parse_note(note)
    found = set()
    for name, key_id, signature in signatures:
        for key in keys:
            if key["name"] == name and key["id"] == key_id:
                if not ed25519_verify(key["key"], text.encode(), signature):
                    raise Refused("bad-signature", "a signature does not verify")
                found.add(key_id)
    return found


def open_checkpoint(note, key, origin):
    if not signers(note, [key]):
        raise Refused("bad-signature", "the log did not sign this checkpoint")
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n", parse_note(note)[0])
    if match is None or int(match[2]) > MAX_SAFE:
        raise Refused("malformed", "not a checkpoint")
    if match[1] != origin:
        raise Refused("policy", "the checkpoint is of another log")
    return int(match[2]), unbase64(match[3])


# The tree: RFC 6962 hashing, RFC 9162 verification.
def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf_hash, index, size, path, root):
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        if len(p) != 32 or sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(first, first_root, second, second_root, path):
    if first > second or any(len(p) != 32 for p in path):
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == hashlib.sha256(b"").digest()
    path = list(path)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


def parse_leaf(data):
    if not data or data[0] != 1:
        raise Refused("malformed", "unknown leaf version")
    fields, at = [], 1
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if at + 4 + length > len(data):
            raise Refused("malformed", "a leaf is cut off")
        fields.append(data[at + 4:at + 4 + length])
        at += 4 + length
    if len(fields) != 9 or [len(fields[i]) for i in (2, 5, 7, 8)] != [8, 8, 32, 32]:
        raise Refused("malformed", "a leaf has other fields")
    try:
        log, stream, _, kind, occurred = (fields[i].decode() for i in (0, 1, 3, 4, 6))
    except UnicodeDecodeError:
        raise Refused("malformed", "a leaf is not UTF-8") from None
    revision, version = int.from_bytes(fields[2], "big"), int.from_bytes(fields[5], "big")
    if max(revision, version) > MAX_SAFE:
        raise Refused("malformed", "a number is too large")
    return {"log": log, "stream": stream, "revision": revision, "type": kind, "occurredAt": occurred,
            "data": fields[7], "metadata": fields[8]}


# The file.
def is_text(value):
    return isinstance(value, str)


def is_count(value):
    return type(value) is int and 0 <= value <= MAX_SAFE


def is_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def has(value, fields):
    return isinstance(value, dict) and list(value) == list(fields) and all(fields[k](v) for k, v in value.items())


CLAIMS = [
    {"kind": lambda v: v == "events"},
    {"kind": lambda v: v == "stream", "stream": is_text, "from": is_count, "to": is_count},
    {"kind": lambda v: v == "range", "from": is_count, "to": is_count},
]
LINES = {
    "nexusrag-proof": {
        "kind": is_text, "version": lambda v: type(v) is int and v == 1, "log": is_text, "origin": is_text, "vkey": is_text,
        "claim": lambda v: any(has(v, fields) for fields in CLAIMS), "events": is_count,
    },
    "checkpoint": {"kind": is_text, "note": is_text},
    "consistency": {"kind": is_text, "from": is_count, "to": is_count, "path": is_texts, "previous": is_text},
    "event": {"kind": is_text, "index": is_count, "leaf": is_text, "data": is_text, "metadata": is_text, "path": is_texts},
    "end": {"kind": is_text, "events": is_count, "sha256": is_text},
}


def parse_line(raw):
    try:
        text = raw.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("malformed", "a line is not JSON") from None
    fields = LINES.get(value.get("kind")) if isinstance(value, dict) and is_text(value.get("kind")) else None
    if fields is None or not has(value, fields):
        raise Refused("malformed", "unknown line or fields")
    if json.dumps(value, ensure_ascii=False, separators=(",", ":")) != text:
        raise Refused("malformed", "a line is not in its one spelling")
    return value


def read_lines(data):
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            raise Refused("malformed", "the last line is cut off")
        yield parse_line(data[at:end])
        at = end + 1


def take(lines, kind=None):
    line = next(lines, None)
    if line is None:
        raise Refused("incomplete", "the file ends early")
    if kind is not None and line["kind"] != kind:
        raise Refused("malformed", f"a {kind} line is missing")
    return line


def trusted_key(header, vkey):
    own = parse_vkey(header["vkey"])
    key = own if vkey is None else parse_vkey(vkey, "policy")
    if re.fullmatch(re.escape(key["name"]) + r"(/t[1-9][0-9]*)?", header["origin"]) is None:
        raise Refused("policy", "the file speaks of another log than the key")
    if vkey is not None and vkey != header["vkey"]:
        raise Refused("bad-signature", "the file is of another key than the one you trust")
    return key


def check_history(line, size, root, key, origin, held_note):
    first, first_root = open_checkpoint(line["previous"], key, origin)
    if held_note is not None:
        held = open_checkpoint(held_note, key, origin)
        if held[0] != first:
            raise Refused("incomplete", "the file extends another checkpoint than yours")
        if held[1] != first_root:
            raise Refused("inconsistent-history", "two roots for one size")
    path = [unbase64(step) for step in line["path"]]
    if (line["from"], line["to"]) != (first, size) or not consistent(first, first_root, size, root, path):
        raise Refused("inconsistent-history", "the tree does not extend the earlier checkpoint")


def check_event(event, header, size, root):
    data = unbase64(event["leaf"])
    path = [unbase64(step) for step in event["path"]]
    if not included(hashlib.sha256(b"\x00" + data).digest(), event["index"], size, path, root):
        raise Refused("not-included", f"event {event['index']} is not in the signed tree")
    leaf = parse_leaf(data)
    if leaf["log"] != header["log"]:
        raise Refused("policy", "an event of another log")
    try:
        stored = json.loads(event["metadata"])
    except ValueError:
        stored = None
    same = all(hashlib.sha256(event[name].encode()).digest() == leaf[name] for name in ("data", "metadata"))
    if not same or not isinstance(stored, dict) or stored.get("occurredAt") != leaf["occurredAt"]:
        raise Refused("payload-mismatch", f"the content of event {event['index']} is not what was sealed")
    return leaf


def check(data, vkey=None, previous=None, witnesses=(), quorum=0):
    lines = read_lines(data)
    header = take(lines, "nexusrag-proof")
    note = take(lines, "checkpoint")["note"]
    key = trusted_key(header, vkey)
    size, root = open_checkpoint(note, key, header["origin"])
    if quorum and len(signers(note, [parse_vkey(one, "policy") for one in witnesses])) < quorum:
        raise Refused("policy", "too few witnesses signed")
    line = take(lines)
    if line["kind"] == "consistency":
        check_history(line, size, root, key, header["origin"], previous)
        line = take(lines)
    elif previous is not None:
        raise Refused("incomplete", "the file does not prove that it extends the checkpoint you hold")
    claim, count, last = header["claim"], 0, -1
    place = claim.get("from", 0)
    while line["kind"] == "event":
        leaf = check_event(line, header, size, root)
        if line["index"] <= last:
            raise Refused("gap", "events out of order")
        last, count = line["index"], count + 1
        if claim["kind"] == "stream" and leaf["stream"] != claim["stream"]:
            raise Refused("policy", "an event of another stream")
        if claim["kind"] != "events":
            if (leaf["revision"] if claim["kind"] == "stream" else last) != place:
                raise Refused("gap", f"place {place} is missing")
            place += 1
        line = take(lines)
    if line["kind"] != "end" or next(lines, None) is not None:
        raise Refused("malformed", "lines out of order")
    if line["events"] != count or header["events"] != count:
        raise Refused("incomplete", "events are missing")
    if claim["kind"] != "events" and place != claim["to"] + 1:
        raise Refused("incomplete", "the span ends early")
    before_end = data[:data.rfind(b"\n", 0, len(data) - 1) + 1]
    if hashlib.sha256(before_end).hexdigest() != line["sha256"]:
        raise Refused("malformed", "the digest of the file is wrong")
    return {"log": header["log"], "origin": header["origin"], "size": size, "events": count}


def verify(data, **policy):
    pinned = policy.get("vkey") is not None
    try:
        facts = check(data, **policy)
        return {"verdict": "ok", "code": 0, "message": "every event is proved", "pinned": pinned, **facts}
    except Refused as error:
        return {"verdict": error.verdict, "code": CODES[error.verdict], "message": str(error), "pinned": pinned}


def main():
    parser = argparse.ArgumentParser(description="Checks a NexusRAG proof file offline.")
    parser.add_argument("file")
    parser.add_argument("--vkey")
    parser.add_argument("--previous")
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--quorum", type=int, default=0)
    args = parser.parse_args()
    previous = None
    if args.previous is not None:
        with open(args.previous, encoding="utf-8", newline="") as file:
            previous = file.read()
    with open(args.file, "rb") as file:
        data = file.read()
    result = verify(data, vkey=args.vkey, previous=previous, witnesses=args.witness, quorum=args.quorum)
    print(json.dumps(result))
    sys.exit(result["code"])


if __name__ == "__main__":
    main()
