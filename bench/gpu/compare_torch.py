#!/usr/bin/env python3
"""hone beside PyTorch on a GPU: YOLOv8 in f16, the same weights, in one run.

    compare_torch.py --hone build/bin/hone yolov8m.pt --images DIR [--shapes 1x640x640 16x640x640 …] [--rounds 5]
                     [--peers eager,graph,compile] [--layers] [--end-to-end PICTURE] [--out bench/results/NAME.txt]

Boxes are compared first, on real pictures: hone's f16 against PyTorch's f32 at the anchors with the best scores, and
PyTorch's own f16 against the same. Then times. Each round treats every engine once, in turn: after a second of idling 20
runs to warm up, then runs back to back for 100 ms (the burst), timed by the GPU's clock, inputs in its memory; reported is
the median over rounds. Single runs, 2 s of sustained runs and clocks stand beside it. hone's times come from `hone bench`
(network and decoding, one CUDA graph); PyTorch's from eager mode, eager in a CUDA graph, and
torch.compile(mode="reduce-overhead"), all channels_last. Needs torch, numpy, opencv and onnx."""
import argparse, glob, json, os, statistics, subprocess, sys, tempfile, time

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import yolov8_torch

SHAPES = ['1x640x640', '16x640x640', '1x736x1280', '4x736x1280', '1x1280x1280']
torch.backends.cudnn.benchmark = True


def run_hone(a, *arguments):
    done = subprocess.run([a.hone, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit('hone %s: %s' % (' '.join(map(str, arguments)), (done.stderr or done.stdout).strip()[-2000:]))
    return done.stdout


def parse(shape):
    return tuple(map(int, shape.split('x')))


def letterboxed(path, height, width):
    """A picture as the network sees it: f32 [3, height, width], RGB, 0 to 1, padded with 114."""
    import cv2
    image = cv2.imread(path)
    gain = min(height / image.shape[0], width / image.shape[1])
    size = (round(image.shape[1] * gain), round(image.shape[0] * gain))
    canvas = np.full((height, width, 3), 114, np.uint8)
    top, left = round((height - size[1]) / 2 - 0.1), round((width - size[0]) / 2 - 0.1)
    canvas[top:top + size[1], left:left + size[0]] = cv2.resize(image, size)
    return np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)).astype(np.float32) / 255


def pictures(a, shape):
    n, height, width = shape
    paths = sorted(glob.glob(os.path.join(a.images, '*.jpg')))
    if not paths:
        sys.exit('no pictures in ' + a.images)
    return np.stack([letterboxed(paths[i % len(paths)], height, width) for i in range(n)])


def iou(a, b):
    """Of boxes [4, n] as centre and extent."""
    low = lambda x: x[:2] - x[2:] / 2
    high = lambda x: x[:2] + x[2:] / 2
    common = np.clip(np.minimum(high(a), high(b)) - np.maximum(low(a), low(b)), 0, None).prod(0)
    return common / np.maximum(a[2:].prod(0) + b[2:].prod(0) - common, 1e-9)


def check(a, say, engine, model, shape):
    """Raw outputs [N, 84, A] of hone and of PyTorch's f16 against PyTorch's f32."""
    x = pictures(a, shape)
    with tempfile.TemporaryDirectory() as folder:
        np.save(folder + '/x.npy', x)
        run_hone(a, 'run', engine, '--device', a.device, '--input', 'images=%s/x.npy' % folder, '--output-dir', folder)
        found = [f for f in glob.glob(folder + '/*.npy') if not f.endswith('/x.npy')]
        ours = np.load(found[0]).astype(np.float32)
    # The reference computes without TF32.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    with torch.inference_mode():
        exact = model.float()(torch.from_numpy(x).cuda()).float().cpu().numpy()
        half = model.half()(torch.from_numpy(x).cuda().half().contiguous(memory_format=torch.channels_last))
        half = half.float().cpu().numpy()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    model.det.cache.clear()
    best = np.argsort(-exact[:, 4:].max(1), axis=1)[:, :100]
    worst = {}
    for name, got in (('hone f16', ours), ('PyTorch f16', half)):
        overlap, score = 1.0, 0.0
        for n in range(x.shape[0]):
            overlap = min(overlap, iou(got[n, :4, best[n]].T, exact[n, :4, best[n]].T).min())
            score = max(score, np.abs(got[n, 4:, best[n]] - exact[n, 4:, best[n]]).max())
        error = [float(np.linalg.norm(got[:, part] - exact[:, part]) / np.linalg.norm(exact[:, part]))
                 for part in (slice(0, 4), slice(4, None))]
        worst[name] = overlap
        say('  %-12s against PyTorch f32, 100 best anchors a picture: least IoU %.4f, largest score difference %.4f; '
            'relative error of boxes %.1e, of scores %.1e' % (name, overlap, score, *error))
    if not worst['hone f16'] >= min(0.98, worst['PyTorch f16'] - 0.02):
        sys.exit("hone's boxes are not PyTorch's: nothing is timed")


class Torch:
    def __init__(self, model, x, mode):
        self.x, self.mode = x, mode
        self.call = lambda: model(x)
        with torch.inference_mode():
            # Anchors are made eagerly, outside any graph.
            model.det.anchors([torch.empty(1, 1, x.shape[2] // d, x.shape[3] // d, device='cuda', dtype=x.dtype)
                               for d in (8, 16, 32)])
            if mode == 'compile':
                compiled = torch.compile(model, mode='reduce-overhead', dynamic=False)
                self.call = lambda: compiled(x)
            for _ in range(12):
                self.call()
            torch.cuda.synchronize()
            if mode == 'graph':
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    model(x)
                self.call = graph.replay

    def timed(self, runs):
        begin, end = torch.cuda.Event(True), torch.cuda.Event(True)
        begin.record()
        for _ in range(runs):
            self.call()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end)

    def measure(self, a):
        with torch.inference_mode():
            time.sleep(a.idle)
            self.timed(20)
            runs = max(3, int(100 / (self.timed(10) / 10)))
            return {'burst': self.timed(runs) / runs, 'single': statistics.median(self.timed(1) for _ in range(10)),
                    'clock': clock()}

    def sustained(self, seconds):
        with torch.inference_mode():
            runs = max(3, int(seconds * 1e3 / (self.timed(10) / 10)))
            return self.timed(runs) / runs


class Hone:
    def __init__(self, a, engine, shape):
        self.engine, self.shape = engine, 'images:%dx3x%dx%d' % shape

    def measure(self, a):
        time.sleep(a.idle)
        with tempfile.TemporaryDirectory() as folder:
            run_hone(a, 'bench', self.engine, '--device', a.device, '--shape', self.shape, '--duration', '200ms',
                     '--warm-up', '100ms', '--json', folder + '/r.json')
            r = json.load(open(folder + '/r.json'))['results'][0]
        return {'burst': r['burst_ms'], 'single': r['median_ms'], 'host': r.get('host_ms'), 'clock': clock()}


def clock():
    answer = subprocess.run(['nvidia-smi', '--query-gpu=clocks.sm,power.draw', '--format=csv,noheader,nounits'],
                            capture_output=True, text=True).stdout.split('\n')[0].split(',')
    try:
        return int(float(answer[0])), float(answer[1])
    except (ValueError, IndexError):
        return 0, 0.0


def build(a, say, folder):
    """An engine for every shape, tuned at each."""
    shapes = [parse(s) for s in a.shapes]
    low, high = [min(s[i] for s in shapes) for i in range(3)], [max(s[i] for s in shapes) for i in range(3)]
    text = lambda s: 'images:%dx3x%dx%d' % tuple(s)
    engine = os.path.join(folder, 'model.engine')
    start = time.time()
    run_hone(a, 'build', a.model, '-o', engine, '--device', a.device, '--precision', a.precision, '--level', a.level,
             '--min', text(low), '--max', text(high), *sum((['--opt', text(s)] for s in shapes), []),
             *a.build_options)
    say('built in %.1f s, %.1f MB' % (time.time() - start, os.path.getsize(engine) / 1e6))
    return engine


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('model', help='a YOLOv8 detector, .pt')
    p.add_argument('--hone', default='build/bin/hone')
    p.add_argument('--engine', help='use this engine instead of building one')
    p.add_argument('--images', required=True, help='a folder of .jpg')
    p.add_argument('--device', default='cuda:0')
    p.add_argument('--scale', default='m', choices=list(yolov8_torch.SCALES))
    p.add_argument('--shapes', nargs='+', default=SHAPES)
    p.add_argument('--peers', default='eager,graph,compile')
    p.add_argument('--precision', default='f32,f16')
    p.add_argument('--level', default=3, type=int)
    p.add_argument('--build-options', nargs=argparse.REMAINDER, default=[])
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--idle', type=float, default=1.0)
    p.add_argument('--sustained', type=float, default=2.0, help='seconds; 0: not measured')
    p.add_argument('--layers', action='store_true', help="also hone's time of each layer, and their sum")
    p.add_argument('--end-to-end', metavar='PICTURE', help='also from this picture in host memory to boxes')
    p.add_argument('--out')
    a = p.parse_args()
    lines = []

    def say(text=''):
        lines.append(text)
        print(text, flush=True)

    say('%s, driver %s, torch %s' % (
        torch.cuda.get_device_name(0),
        subprocess.run(['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader'], capture_output=True,
                       text=True).stdout.strip().split('\n')[0], torch.__version__))
    with tempfile.TemporaryDirectory() as folder:
        engine = a.engine or build(a, say, folder)
        onnx = os.path.join(folder, 'weights.onnx')
        run_hone(a, 'export', a.model, '--format', 'onnx', '-o', onnx)
        model = yolov8_torch.load_onnx(yolov8_torch.build(a.scale), onnx).cuda().to(memory_format=torch.channels_last)
        check(a, say, engine, model, parse(a.shapes[0]))
        model.half()
        peers = [m for m in a.peers.split(',') if m]
        say('%-12s %-8s %9s %9s %10s %9s %9s  %s' % ('shape', 'engine', 'burst ms', 'single ms', 'sustain ms',
                                                   'x hone', 'spread', 'MHz, W'))
        for shape_text in a.shapes:
            shape = parse(shape_text)
            x = torch.from_numpy(pictures(a, shape)).cuda().half().contiguous(memory_format=torch.channels_last)
            contenders = {'hone': Hone(a, engine, shape)}
            for mode in peers:
                try:
                    contenders[mode] = Torch(model, x, mode)
                except Exception as failure:
                    say('%-12s %-8s failed: %s' % (shape_text, mode, str(failure).split('\n')[0][:120]))
            results = {name: [] for name in contenders}
            for _ in range(a.rounds):
                for name, contender in contenders.items():
                    results[name].append(contender.measure(a))
            burst = {name: statistics.median(r['burst'] for r in rs) for name, rs in results.items()}
            for name, rs in results.items():
                sustained = ''
                if a.sustained and name != 'hone':
                    sustained = '%.4f' % contenders[name].sustained(a.sustained)
                spread = (max(r['burst'] for r in rs) - min(r['burst'] for r in rs)) / burst[name]
                say('%-12s %-8s %9.4f %9.4f %10s %9.2f %8.1f%%  %d, %.0f' % (
                    shape_text, name, burst[name], statistics.median(r['single'] for r in rs), sustained,
                    burst[name] / burst['hone'], 100 * spread, *rs[-1]['clock']))
            torch._dynamo.reset()
        for shape_text in a.shapes if a.layers else []:
            say(run_hone(a, 'bench', engine, '--device', a.device, '--duration', '200ms', '--layers', '--shape',
                         'images:%dx3x%dx%d' % parse(shape_text)))
        if a.end_to_end:
            say(run_hone(a, 'bench', engine, '--device', a.device, '--end-to-end', a.end_to_end))
    if a.out:
        with open(a.out, 'w') as file:
            file.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
