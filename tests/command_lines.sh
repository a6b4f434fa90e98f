#!/usr/bin/env bash
# The command lines of the README and of Ultralytics' and TensorRT's users, as they type them.
#   command_lines.sh BIN_DIR SOURCE_DIR
set -euo pipefail
bin=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$source/assets/demo/street.pt" "$scratch/"
mkdir "$scratch/pictures"
cp $(ls "$source"/assets/demo/scenes/*.png | head -2) "$scratch/pictures/"
picture=$(ls "$scratch"/pictures/*.png | head -1)
cd "$scratch"

fail() { echo "FAILED: $*" >&2; exit 1; }
# refuses CODE TEXT COMMAND…: exits with CODE and one sentence that holds TEXT.
refuses() {
  local want=$1 text=$2 got=0
  shift 2
  "$@" >stdout 2>stderr || got=$?
  [ "$got" = "$want" ] || fail "$* exits $got, not $want: $(cat stderr)"
  grep -qF -- "$text" stderr stdout || fail "$* does not say '$text': $(cat stderr)"
}

"$bin/hone" detect street.pt "$picture" --save out --json out/boxes.json
[ -s "out/$(basename "${picture%.*}").png" ] || [ -s "out/$(basename "${picture%.*}").jpg" ] || fail "no annotated picture"
python3 - <<'P'
import json
found = json.load(open('out/boxes.json'))
assert len(found) == 1 and found[0]['boxes'], found
box = found[0]['boxes'][0]
assert set(box) == {'class_id', 'class', 'score', 'xyxy'} and len(box['xyxy']) == 4, box
P

"$bin/yolo" export model=street.pt format=onnx simplify=True dynamic=True batch=4 imgsz=1280 half=True
"$bin/trtexec" --onnx=street.onnx --saveEngine=street.engine --fp16 --minShapes=images:1x3x640x640 --optShapes=images:4x3x736x1280 \
  --maxShapes=images:4x3x736x1280 --duration=0 --iterations=1 --warmUp=0 > trtexec.log
grep -q '^&&&& PASSED TensorRT.trtexec' trtexec.log || fail "trtexec does not pass"
grep -Eq 'Throughput: [0-9.]+ qps' trtexec.log || fail "no throughput line"
grep -Eq 'GPU Compute Time: min = [0-9.]+ ms, max = [0-9.]+ ms, mean = [0-9.]+ ms, median = [0-9.]+ ms' trtexec.log || fail "no compute line"
"$bin/trtexec" --loadEngine=street.engine --shapes=images:1x3x640x640 --iterations=1 --duration=0 --warmUp=0 | grep >/dev/null PASSED
"$bin/hone" detect street.engine pictures/ --save out2 | tee detect.log
[ "$(ls out2 | wc -l)" = 2 ] || fail "two pictures in, $(ls out2 | wc -l) out"

"$bin/hone" export street.pt --imgsz 320 -o small.onnx
"$bin/hone" build small.onnx -o small.engine --timing-cache cache
"$bin/hone" build small.onnx -o small.engine --timing-cache cache | grep >/dev/null ' times taken from the timing cache'
"$bin/hone" build small.onnx -o bare.engine --strip-source --timing-cache cache
[ "$(stat -c %s bare.engine)" -lt "$(stat -c %s small.engine)" ] || fail "--strip-source makes no smaller engine"
for engine in small bare; do "$bin/hone" detect $engine.engine "$picture" --imgsz 320 --no-rect --json $engine.json; done
cmp small.json bare.json || fail "--strip-source changes the boxes"
"$bin/hone" build small.onnx -o bf16.engine --precision f32,bf16 --timing-cache cache  # f32 where the CPU has no bf16
"$bin/hone" detect bf16.engine "$picture" --imgsz 320 --no-rect --json bf16.json
python3 - <<'P'
import json
def boxes(file): return [(b['class_id'], b['xyxy'], b['score']) for b in json.load(open(file))[0]['boxes']]
def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return w * h / (area(a) + area(b) - w * h) if w > 0 and h > 0 else 0
f32, bf16 = boxes('small.json'), boxes('bf16.json')
sure = [b for b in f32 if b[2] > 0.3]
lost = [b for b in sure if not any(o[0] == b[0] and iou(o[1], b[1]) > 0.9 and abs(o[2] - b[2]) < 0.05 for o in bf16)]
assert sure and not lost, lost
P
refuses 1 "--strip-source" "$bin/hone" build bare.engine -o again.engine
"$bin/hone" bench small.engine --duration 50ms --warm-up 0s --json bench.json
python3 -c "import json; r = json.load(open('bench.json')); assert r['results'][0]['median_ms'] > 0, r"
"$bin/hone" inspect small.engine | grep >/dev/null GFLOP
"$bin/hone" inspect street.pt --imgsz 320 --dump=import | grep >/dev/null Conv
"$bin/yolo" predict model=street.pt source="$picture" imgsz=640 project="$scratch/runs" save_txt=True | grep >/dev/null 'Results saved to'

"$bin/hone" build street.pt -o two.engine --level 0 --opt images:1x3x64x64 --opt images:3x3x320x320
[ "$("$bin/hone" inspect two.engine --html two.html | grep -c '  profile images')" = 2 ] || fail "two profiles make not two"
"$bin/hone" bench two.engine --shape images:3x3x320x320 --duration 0s --iterations 1 --warm-up 0s | grep >/dev/null 'images:3x3x320x320'
grep -q '<td><code>conv.cpu' two.html || fail "inspect --html shows no kernel"

refuses 2 "MODEL is required" "$bin/hone" detect
refuses 2 "nosuch" "$bin/hone" nosuch
refuses 1 "nowhere.pt" "$bin/hone" detect nowhere.pt "$picture"
refuses 1 "nothing.jpg" "$bin/hone" detect street.pt nothing.jpg
head -c 20000 street.pt > cut.pt
refuses 1 "cut.pt" "$bin/hone" detect cut.pt "$picture"
head -c 100000 street.engine > cut.engine
refuses 1 "cut.engine" "$bin/hone" detect cut.engine "$picture"
refuses 1 "input 'images'" "$bin/hone" build street.pt -o x.engine --min images:1x3x640x640 --max images:1x3x320x320
refuses 1 "Unknown option: --nosuch" "$bin/trtexec" --onnx=street.onnx --nosuch
refuses 1 "'formt' is not a valid YOLO argument" "$bin/yolo" export model=street.pt formt=onnx
refuses 1 "FileNotFoundError" "$bin/yolo" export model=nowhere.pt format=onnx
refuses 1 "/nowhere" "$bin/hone" build street.pt -o /nowhere/x.engine --level 0
refuses 1 "there is no operator 'Nonsense'" "$bin/hone" build street.pt -o x.engine --level 0 --cpu-ops Pool,Nonsense
refuses 2 "--threads" "$bin/hone" detect small.engine "$picture" --threads 99999999
refuses 2 "--conf" "$bin/hone" detect small.engine "$picture" --conf nan
refuses 2 "--precision" "$bin/hone" detect street.pt "$picture" --precision f99
refuses 2 "--opset" "$bin/hone" export street.pt --opset -1 -o x.onnx
refuses 1 "device 'banana'" "$bin/hone" export street.pt --half --device banana -o x.onnx
refuses 1 "is the model itself" "$bin/hone" export small.onnx
refuses 1 "is the model itself" "$bin/hone" build small.onnx -o ./small.onnx --level 0
refuses 1 "is fixed at 1x3x320x320" "$bin/hone" build small.onnx -o x.engine --imgsz 640
refuses 1 "is fixed at 1x3x320x320" "$bin/hone" inspect small.onnx --shape images:1x3x64x64
refuses 1 "is an engine" "$bin/hone" bench small.engine --imgsz 640
refuses 1 "--duration abc" "$bin/hone" bench small.engine --duration abc
refuses 1 "--deadline nan" "$bin/hone" build street.pt -o x.engine --deadline nan
refuses 1 "is no .pt, no .onnx and no .engine" "$bin/hone" inspect "$picture"
refuses 1 "is no JPEG" "$bin/hone" detect small.engine cut.pt
mkdir empty
refuses 1 "no pictures found" "$bin/hone" detect small.engine empty
refuses 1 "cannot create the folder" "$bin/hone" detect small.engine "$picture" --json street.pt/boxes.json
refuses 1 "ValueError" "$bin/yolo" export model=street.pt format=onnx imgsz=-1
refuses 1 "ValueError" "$bin/yolo" export model=street.pt format=onnx device=banana
refuses 1 "TypeError" "$bin/yolo" predict model=street.pt source="$picture" imgsz=abc
python3 - <<'P'
import struct
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 320, 320), }"
header += ' ' * (117 - len(header)) + '\n'
open('x.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode() + bytes(4 * 3 * 320 * 320))
P
"$bin/hone" run --input images=x.npy small.engine --output-dir ran | grep >/dev/null 'output0 f32\[1x9x2100\]'
refuses 1 "no input 'nope'" "$bin/hone" run small.engine --input images=x.npy --input nope=x.npy --output-dir ran2
refuses 1 "'images' twice" "$bin/hone" run small.engine --input images=x.npy --input images=x.npy --output-dir ran2
[ ! -e ran2 ] || fail "a refused run left a folder"
"$bin/hone" build small.onnx -o late.engine --level 1 --timing-cache street.pt/cache | grep >/dev/null 'timings were not kept'
[ -s late.engine ] || fail "a timing cache that cannot be written costs the engine"
"$bin/hone" detect small.engine "$picture" --quiet --json /dev/null
[ -c /dev/null ] || fail "/dev/null was replaced"
[ ! -e x.engine ] && [ ! -e x.onnx ] || fail "a refused build left a file"
ls ./*.part 2>/dev/null && fail "temporary files were left behind"
echo "every command line did what it says"
