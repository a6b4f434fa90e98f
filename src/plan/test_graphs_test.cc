// What test_graphs.h declares.
#include "plan/test_graphs.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "device/device.h"

namespace hone::testing_plan {
namespace {

size_t float_count(const TensorDesc& desc) {
  return byte_count(desc.type, desc.shape).value_or(0) / sizeof(float);
}

Bytes bytes_of(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return Bytes::of(std::move(bytes));
}

std::shared_ptr<DeviceBuffer> poisoned(Device& device, size_t bytes) {
  auto buffer = *device.allocate(bytes + 64);
  (void)device.fill(*buffer, std::byte{0xff});  // as f32: NaN
  return buffer;
}

}  // namespace

Tensors random_inputs(const Graph& bound, uint32_t seed) {
  std::mt19937 random(seed);
  Tensors inputs;
  for (const ValueId id : bound.inputs) {
    inputs.emplace_back(float_count(bound.desc(id)));
    for (float& v : inputs.back()) v = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
  }
  return inputs;
}

Result<Tensors> run_by_reference(const Graph& bound, const Tensors& inputs) {
  std::vector<Bytes> values(bound.values.size());
  for (size_t i = 0; i < bound.values.size(); ++i)
    if (bound.values[i].constant != nullptr) {
      HONE_ASSIGN(values[i], bound.values[i].constant->bytes());
    }
  for (size_t i = 0; i < inputs.size(); ++i)
    values[static_cast<size_t>(bound.inputs[i])] = bytes_of(inputs[i]);
  for (const Node& node : bound.nodes) {
    std::vector<TensorDesc> descs, outputs;
    std::vector<Bytes> data;
    for (const ValueId id : node.inputs) {
      descs.push_back(id == kNoValue ? TensorDesc{} : bound.desc(id));
      data.push_back(id == kNoValue ? Bytes{} : values[static_cast<size_t>(id)]);
    }
    for (const ValueId id : node.outputs) outputs.push_back(bound.desc(id));
    HONE_ASSIGN(std::vector<Bytes> computed, run_reference(node.op, descs, data, outputs));
    for (size_t i = 0; i < node.outputs.size(); ++i)
      values[static_cast<size_t>(node.outputs[i])] = std::move(computed[i]);
  }
  Tensors outputs;
  for (const ValueId id : bound.outputs) {
    const auto floats = values[static_cast<size_t>(id)].as<float>();
    outputs.emplace_back(floats.begin(), floats.end());
  }
  return outputs;
}

Result<Tensors> run_plan(const Plan& plan, const Tensors& inputs, size_t thread_count) {
  const auto device = make_cpu_device(thread_count);
  ThreadPool threads(thread_count);
  const auto arena = poisoned(*device, plan.arena_bytes);
  std::vector<std::shared_ptr<DeviceBuffer>> ins, outs, packs, constants;
  for (const auto& values : inputs) {
    ins.push_back(poisoned(*device, values.size() * sizeof(float)));
    HONE_TRY(device->copy_in(*ins.back(), 0, std::as_bytes(std::span(values))));
  }
  for (const TensorDesc& desc : plan.outputs)
    outs.push_back(poisoned(*device, float_count(desc) * sizeof(float)));
  for (const ConstantPtr& constant : plan.constants) {
    HONE_ASSIGN(const Bytes bytes, constant->bytes());
    constants.push_back(poisoned(*device, bytes.view().size()));
    HONE_TRY(device->copy_in(*constants.back(), 0, bytes.view()));
  }
  for (const PackedUse& use : plan.packed) {
    HONE_ASSIGN(const auto bytes,
                plan.steps[use.step].kernel->pack(problem_of(plan, use.step, thread_count)));
    packs.push_back(poisoned(*device, bytes.size()));
    HONE_TRY(device->copy_in(*packs.back(), 0, bytes));
  }
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    std::span<const std::byte> packed;
    if (step.packed >= 0) {
      const auto& buffer = packs[static_cast<size_t>(step.packed)];
      packed = {static_cast<const std::byte*>(buffer->address()), buffer->size_bytes() - 64};
    }
    HONE_ASSIGN(const auto runner, step.kernel->prepare(problem_of(plan, s, thread_count), packed));
    const auto arg = [&](const Operand& o, const TensorDesc& desc) {
      std::byte* base = nullptr;
      switch (o.place) {
        case Operand::Place::arena:
          base = static_cast<std::byte*>(arena->address());
          break;
        case Operand::Place::input:
          base = static_cast<std::byte*>(ins[o.index]->address());
          break;
        case Operand::Place::output:
          base = static_cast<std::byte*>(outs[o.index]->address());
          break;
        case Operand::Place::constant:
          base = static_cast<std::byte*>(constants[o.index]->address());
          break;
        default:
          break;
      }
      return TensorArg{.data = base != nullptr ? base + o.offset_bytes : nullptr,
                       .desc = &desc,
                       .image_stride = o.image_stride};
    };
    std::vector<TensorArg> in_args, out_args;
    for (size_t i = 0; i < step.inputs.size(); ++i)
      in_args.push_back(arg(step.inputs[i], step.input_descs[i]));
    for (size_t i = 0; i < step.outputs.size(); ++i)
      out_args.push_back(arg(step.outputs[i], step.output_descs[i]));
    runner->run({.inputs = in_args,
                 .outputs = out_args,
                 .workspace = static_cast<std::byte*>(arena->address()) + step.workspace_offset,
                 .threads = &threads});
  }
  Tensors outputs;
  for (size_t i = 0; i < outs.size(); ++i) {
    outputs.emplace_back(float_count(plan.outputs[i]));
    HONE_TRY(device->copy_out(std::as_writable_bytes(std::span(outputs.back())), *outs[i], 0));
  }
  return outputs;
}

Choices reference_choices(const Graph& bound) {
  Choices choices;
  for (const Node& node : bound.nodes) {
    const std::vector<const Kernel*> kernels = kernels_for(op_name(node.op), DeviceKind::cpu);
    choices.by_node[node.id] = {.kernel = std::string(kernels.back()->name()),
                                .version = kernels.back()->version(),
                                .inputs = std::vector<Layout>(node.inputs.size(), Layout::plain),
                                .outputs = std::vector<Layout>(node.outputs.size(), Layout::plain),
                                .candidates = {}};
  }
  return choices;
}

Result<Graph> random_graph(uint32_t seed) {
  Builder b(seed);
  auto& random = b.random;
  const int64_t images = 1 + static_cast<int64_t>(random() % 3),
                size = 4 + static_cast<int64_t>(random() % 5);
  const bool round_channels = random() % 2 == 0;
  const auto channels = [&] {
    return round_channels ? 8 * static_cast<int64_t>(1 + random() % 4)
                          : static_cast<int64_t>(2 + random() % 9);
  };
  struct Live {
    ValueId id;
    int64_t channels;
  };
  std::vector<Live> live;
  const auto any = [&]() -> Live { return live[random() % live.size()]; };
  for (size_t i = 0; i < 1 + random() % 2; ++i) {
    const int64_t c = channels();
    live.push_back({b.input("x" + std::to_string(i), {images, c, size, size}), c});
  }
  const size_t count = 6 + random() % 14;
  for (size_t i = 0; i < count; ++i) {
    const Live x = any();
    switch (random() % 11) {
      case 0:
      case 1: {
        const int64_t c = channels();
        live.push_back({b.conv(x.id, x.channels, c, random() % 2 == 0 ? 1 : 3), c});
        break;
      }
      case 2:
        live.push_back({b.conv(x.id, x.channels, x.channels, 3, 1, x.id), x.channels});
        break;
      case 3:
      case 4: {
        std::vector<ValueId> parts = {x.id};
        int64_t c = x.channels;
        for (size_t k = 0; k < 1 + random() % 3; ++k) {
          const Live y = any();
          parts.push_back(y.id);
          c += y.channels;
        }
        if (c < 200) live.push_back({b.concat(parts), c});
        break;
      }
      case 5: {
        if (x.channels < 2) break;
        int64_t first = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(x.channels - 1));
        if (x.channels >= 16 && round_channels) first = x.channels / 16 * 8;
        const auto parts = b.split(x.id, {first, x.channels - first});
        live.push_back({parts[0], first});
        live.push_back({parts[1], x.channels - first});
        break;
      }
      case 6: {
        const int64_t begin = x.channels / 3, end = x.channels - x.channels / 4;
        if (end > begin) live.push_back({b.slice(x.id, begin, end, 1), end - begin});
        break;
      }
      case 7:
        live.push_back({b.unary(x.id, random() % 2 == 0 ? UnaryKind::sigmoid : UnaryKind::relu), x.channels});
        break;
      case 8: {
        for (const Live& y : live)
          if (y.channels == x.channels) {
            live.push_back({b.add(x.id, y.id), x.channels});
            break;
          }
        break;
      }
      case 9:
        live.push_back({b.pool(x.id, 3), x.channels});
        break;
      default: {
        // Away and back; sometimes over another extent of dimension 0.
        const ValueId flat = random() % 2 == 0 ? b.reshape(x.id, {images, x.channels, size * size})
                                               : b.reshape(x.id, {images * x.channels, size, size});
        const ValueId on = random() % 2 == 0 ? b.unary(flat, UnaryKind::tanh) : flat;
        live.push_back({b.reshape(on, {images, x.channels, size, size}), x.channels});
        // Concat and slice of other axes.
        const Live y = live.back();
        const ValueId tall = random() % 2 == 0 ? b.concat({y.id, x.id}, 0) : b.concat({y.id, x.id}, 2);
        b.graph.outputs.push_back(b.unary(b.slice(tall, 0, 1, 0), UnaryKind::neg));
        break;
      }
    }
  }
  for (size_t i = 0; i < 1 + random() % 3; ++i) b.graph.outputs.push_back(any().id);
  b.graph.outputs.push_back(live.back().id);
  b.graph.remove_dead();
  return b.bind();
}

}  // namespace hone::testing_plan
