#!/usr/bin/env python3
"""Times hone, OpenVINO and ONNX Runtime on the CPU: same model, same input, same number of threads, in one run.

    compare_cpu.py --hone build/bin/hone MODEL.onnx… [--threads 2] [--rounds 5] [--seconds 2] [--shape 1x3x640x640] [--bf16]

Outputs are compared first (largest difference over the range of the output). Then each round times every engine once, in
turn, so that a machine whose speed drifts treats them alike. Printed: the median over rounds of each round's median, its
spread, and the ratio of hone to the faster peer, round by round."""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile, time

import numpy as np


def median_ms(run, seconds):
    for _ in range(2):
        run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


class OpenVino:
    name = 'OpenVINO'

    def __init__(self, model, shape, threads, precision):
        import openvino as ov
        core = ov.Core()
        network = core.read_model(model)
        network.reshape({network.inputs[0].any_name: list(shape)})
        config = {'INFERENCE_NUM_THREADS': threads, 'NUM_STREAMS': 1, 'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': precision}
        self.request = core.compile_model(network, 'CPU', config).create_infer_request()
        self.version = ov.__version__

    def run(self, x):
        return self.request.infer({0: x}, share_inputs=True, share_outputs=True)

    def output(self, x):
        return np.array(self.run(x)[0])

    def time(self, x, seconds):
        return median_ms(lambda: self.run(x), seconds)


class OnnxRuntime:
    name = 'ONNX Runtime'

    def __init__(self, model, shape, threads, precision):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])
        self.input = self.session.get_inputs()[0].name
        self.version = ort.__version__

    def output(self, x):
        return self.session.run(None, {self.input: x})[0]

    def time(self, x, seconds):
        return median_ms(lambda: self.session.run(None, {self.input: x}), seconds)


class Hone:
    name = 'hone'

    def __init__(self, program, model, input_name, shape, threads, precision, folder):
        self.program, self.folder, self.threads, self.input_name = program, folder, str(threads), input_name
        self.shape = f'{input_name}:' + 'x'.join(map(str, shape))
        self.engine = os.path.join(folder, os.path.basename(model) + f'.{precision}.engine')
        flags = []
        if dynamic_input(model):
            flags = ['--min', self.shape, '--opt', self.shape, '--max', self.shape]
        self.call('build', model, '-o', self.engine, '--threads', self.threads, '--precision', precision, *flags)
        self.version = subprocess.run([program, '--version'], capture_output=True, text=True).stdout.strip()

    def call(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f'{self.program} {" ".join(arguments)}: {done.stderr}')

    def output(self, x):
        source = os.path.join(self.folder, 'x.npy')
        np.save(source, x)
        self.call('run', self.engine, '--input', f'{self.input_name}={source}', '--output-dir', self.folder, '--threads', self.threads)
        newest = max((os.path.join(self.folder, f) for f in os.listdir(self.folder) if f.endswith('.npy') and f != 'x.npy'), key=os.path.getmtime)
        return np.load(newest)

    def time(self, x, seconds):
        result = os.path.join(self.folder, 'bench.json')
        self.call('bench', self.engine, '--shape', self.shape, '--duration', f'{seconds}s', '--warm-up', '100ms', '--threads', self.threads, '--json', result)
        with open(result) as f:
            return json.load(f)['results'][0]['median_ms']


def model_input(model):
    import onnxruntime as ort
    return ort.InferenceSession(model, providers=['CPUExecutionProvider']).get_inputs()[0]


def dynamic_input(model):
    return any(not isinstance(d, int) for d in model_input(model).shape)


def cpu_name():
    try:
        with open('/proc/cpuinfo') as f:
            return next(line.split(':', 1)[1].strip() for line in f if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor()


def compare(model, arguments, precision, folder):
    shape = [int(d) for d in arguments.shape.split('x')]
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    input_name = model_input(model).name
    peers = [OpenVino(model, shape, arguments.threads, precision)]
    if precision == 'f32':
        peers.append(OnnxRuntime(model, shape, arguments.threads, precision))
    hone = Hone(arguments.hone, model, input_name, shape, arguments.threads, precision, folder)
    engines = [hone] + peers
    print(f'\n{model} {arguments.shape} {precision}, {arguments.threads} threads, {cpu_name()}')
    reference = OnnxRuntime(model, shape, arguments.threads, 'f32').output(x)
    for engine in engines:
        difference = np.abs(engine.output(x) - reference).max() / np.abs(reference).max()
        print(f'  {engine.name:<13} {engine.version:<32} largest difference from ONNX Runtime over range: {difference:.1e}')
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append([engine.time(x, arguments.seconds) for engine in engines])
    columns = list(zip(*rounds))
    for engine, column in zip(engines, columns):
        print(f'  {engine.name:<13} median {statistics.median(column):8.2f} ms   ({min(column):.2f} … {max(column):.2f} over {len(column)} rounds)')
    ratios = [row[0] / min(row[1:]) for row in rounds]
    print(f'  hone / faster peer: {statistics.median(ratios):.3f}   ({min(ratios):.3f} … {max(ratios):.3f})')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='+')
    parser.add_argument('--hone', default='build/bin/hone')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--shape', default='1x3x640x640')
    parser.add_argument('--bf16', action='store_true', help='bf16 too (needs a CPU that has it)')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            compare(model, arguments, 'f32', folder)
            if arguments.bf16:
                compare(model, arguments, 'bf16', folder)


if __name__ == '__main__':
    main()
