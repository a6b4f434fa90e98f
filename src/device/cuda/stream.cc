#include "device/cuda/stream.h"

#include "device/cuda/driver.h"

namespace hone::cuda {
namespace {

// A graph that is captured and not yet instantiated.
Result<Graph> record(CudaDevice& device, Stream stream, const std::function<Result<>()>& enqueue) {
  const Driver& d = device.driver();
  HONE_TRY(CudaDevice::take_launch_error());
  HONE_TRY(d.check(d.stream_begin_capture(stream, kCaptureThreadLocal), "cuStreamBeginCapture"));
  Result<> enqueued = enqueue();
  if (auto launched = CudaDevice::take_launch_error(); enqueued && !launched) enqueued = std::move(launched);
  Graph graph = nullptr;
  auto ended = d.check(d.stream_end_capture(stream, &graph), "cuStreamEndCapture");
  if (enqueued && ended) return graph;
  if (graph != nullptr) d.graph_destroy(graph);
  return std::unexpected(enqueued ? std::move(ended.error()) : std::move(enqueued.error()));
}

}  // namespace

Result<OwnedStream> OwnedStream::create(CudaDevice& device) {
  const Current current(device.driver(), device.context());
  OwnedStream made;
  made.device_ = &device;
  HONE_TRY(device.driver().check(device.driver().stream_create(&made.stream_, kStreamNonBlocking),
                                 "cuStreamCreate"));
  return made;
}
OwnedStream::~OwnedStream() {
  if (stream_ == nullptr) return;
  const Current current(device_->driver(), device_->context());
  device_->driver().stream_destroy(stream_);
}
Result<> OwnedStream::synchronize() const {
  const Current current(device_->driver(), device_->context());
  return device_->driver().check(device_->driver().stream_synchronize(stream_), "cuStreamSynchronize");
}

Result<OwnedEvent> OwnedEvent::create(CudaDevice& device, bool timing) {
  const Current current(device.driver(), device.context());
  OwnedEvent made;
  made.device_ = &device;
  HONE_TRY(device.driver().check(device.driver().event_create(&made.event_, timing ? 0 : kEventNoTiming),
                                 "cuEventCreate"));
  return made;
}
OwnedEvent::~OwnedEvent() {
  if (event_ == nullptr) return;
  const Current current(device_->driver(), device_->context());
  device_->driver().event_destroy(event_);
}
Result<> OwnedEvent::record(Stream stream) const {
  const Current current(device_->driver(), device_->context());
  return device_->driver().check(device_->driver().event_record(event_, stream), "cuEventRecord");
}
Result<> OwnedEvent::hold(Stream stream) const {
  const Current current(device_->driver(), device_->context());
  return device_->driver().check(device_->driver().stream_wait(stream, event_, 0), "cuStreamWaitEvent");
}
Result<> OwnedEvent::synchronize() const {
  const Current current(device_->driver(), device_->context());
  return device_->driver().check(device_->driver().event_synchronize(event_), "cuEventSynchronize");
}
Result<float> OwnedEvent::ms_since(const OwnedEvent& earlier) const {
  const Current current(device_->driver(), device_->context());
  float ms = 0;
  HONE_TRY(device_->driver().check(device_->driver().event_elapsed_ms(&ms, earlier.event_, event_),
                                   "cuEventElapsedTime"));
  return ms;
}

Result<OwnedGraph> OwnedGraph::capture(CudaDevice& device, Stream stream,
                                       const std::function<Result<>()>& enqueue) {
  const Current current(device.driver(), device.context());
  const Driver& d = device.driver();
  HONE_ASSIGN(const Graph graph, record(device, stream, enqueue));
  OwnedGraph made;
  made.device_ = &device;
  const auto done = d.check(d.graph_instantiate(&made.graph_, graph, 0), "cuGraphInstantiate");
  d.graph_destroy(graph);
  if (!done) return std::unexpected(done.error());
  return made;
}
OwnedGraph::~OwnedGraph() {
  if (graph_ == nullptr) return;
  const Current current(device_->driver(), device_->context());
  device_->driver().graph_exec_destroy(graph_);
}
Result<> OwnedGraph::recapture(Stream stream, const std::function<Result<>()>& enqueue) {
  const Current current(device_->driver(), device_->context());
  const Driver& d = device_->driver();
  HONE_ASSIGN(const Graph graph, record(*device_, stream, enqueue));
  GraphUpdateResult info;
  Result<> done;
  if (d.graph_update(graph_, graph, &info) != kSuccess) {
    d.graph_exec_destroy(std::exchange(graph_, nullptr));
    done = d.check(d.graph_instantiate(&graph_, graph, 0), "cuGraphInstantiate");
  }
  d.graph_destroy(graph);
  return done;
}
Result<> OwnedGraph::launch(Stream stream) const {
  const Current current(device_->driver(), device_->context());
  return device_->driver().check(device_->driver().graph_launch(graph_, stream), "cuGraphLaunch");
}

Result<PinnedBuffer> PinnedBuffer::create(CudaDevice& device, size_t size_bytes) {
  const Current current(device.driver(), device.context());
  PinnedBuffer made;
  made.device_ = &device;
  void* address = nullptr;
  HONE_TRY(device.driver().check(device.driver().host_allocate(&address, size_bytes > 0 ? size_bytes : 1, 0),
                                 "cuMemHostAlloc"));
  made.data_ = static_cast<std::byte*>(address);
  made.size_ = size_bytes;
  return made;
}
PinnedBuffer::~PinnedBuffer() {
  if (data_ == nullptr) return;
  const Current current(device_->driver(), device_->context());
  device_->driver().host_free(data_);
}

MemoryKind memory_kind(const CudaDevice& device, const void* address) {
  const Current current(device.driver(), device.context());
  // Asked in the plural, the driver answers 0 for memory that it does not know, instead of an error.
  unsigned type = 0;
  const int wanted = kPointerMemoryType;
  void* answers[] = {&type};
  const Code found =
      device.driver().pointer_attributes(1, &wanted, answers, reinterpret_cast<Address>(address));
  if (found != kSuccess || type == 0) return MemoryKind::pageable;
  return type == static_cast<unsigned>(kMemoryHost) ? MemoryKind::pinned : MemoryKind::device;
}

}  // namespace hone::cuda
