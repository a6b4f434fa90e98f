#!/usr/bin/env python3
"""Checks that every room includes only what stands before it in its line of work (README of each room; the table below).
Prints each include that goes through a wall and exits 1."""
import os, re, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# room: rooms it may include besides itself and include/hone/
MAY = {
    'base': [],
    'ir': ['base'],
    'import/pt': ['base', 'ir'],
    'import/onnx': ['base', 'ir'],
    'export/onnx': ['base', 'ir', 'passes', 'import/onnx'],
    'passes': ['base', 'ir'],
    'device': ['base', 'ir'],
    'kernels': ['base', 'ir', 'device'],
    'tactics': ['base', 'ir', 'device', 'kernels'],
    'plan': ['base', 'ir', 'device', 'kernels', 'tactics', 'passes'],
    'engine': ['base', 'ir', 'device', 'kernels', 'tactics', 'passes', 'plan'],
    'measure': ['base', 'device'],
    'build': ['base', 'ir', 'device', 'kernels', 'tactics', 'passes', 'plan', 'engine', 'import/pt', 'import/onnx', 'export/onnx'],
    'detect': ['base'],
    'serve': ['base'],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def room_of(path):
    """The longest room name that `path` (relative to src/) lies in."""
    return max((r for r in MAY if path == r or path.startswith(r + '/')), key=len, default=None)


def check(root):
    wrong, rooms_seen = [], set()
    src = os.path.join(root, 'src')
    for folder, _, files in os.walk(src):
        for name in files:
            if not name.endswith(('.cc', '.h', '.inc')) or name.endswith(('_test.cc', '_benchmark.cc', '_fuzz.cc')):
                continue  # tests may look through walls
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, src)
            room = room_of(inside)
            if room is None:
                wrong.append(f'src/{inside}: stands in no room')
                continue
            rooms_seen.add(room)
            with open(path, encoding='utf-8') as f:
                for included in INCLUDE.findall(f.read()):
                    other = room_of(included)
                    if other and other != room and other not in MAY[room]:
                        wrong.append(f'src/{inside}: {room} may not include {included}')
    return wrong, rooms_seen


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else ROOT
    wrong, rooms = check(root)
    for line in wrong:
        print(line)
    print(f'{len(rooms)} rooms, {len(wrong)} includes through a wall')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
