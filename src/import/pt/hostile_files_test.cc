// Files that lie. Each kind is made from a good checkpoint, so that only the lie can be what is refused.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <zlib.h>

#include <chrono>
#include <random>

#include "import/pt/checkpoint_files.h"
#include "import/pt/pickle_limits.h"

namespace hone {
namespace {

using ::testing::HasSubstr;
using testing::PickleText;
using testing::WrittenEntry;

class HostileFiles : public ::testing::Test {
 protected:
  // What import says of a good checkpoint with `opcodes` as one more value.
  static std::string extra(const PickleText& opcodes) {
    return refusal(testing::with_extra(good(), opcodes.bytes));
  }
  // What it says of a good checkpoint whose entries are changed.
  template <class Change>
  static std::string changed(Change&& change) {
    std::vector<WrittenEntry> entries = testing::entries_of(good());
    change(entries);
    return refusal(testing::zip_of(entries));
  }
  static std::string refusal(const std::string& zip) {
    const auto begin = std::chrono::steady_clock::now();
    const Result<Graph> graph = testing::import_bytes(zip);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    return graph ? "accepted" : graph.error().message;
  }
  // The pickle of the good checkpoint with one text replaced by another.
  static std::string replaced(const std::string& from, const std::string& to) {
    return changed([&](std::vector<WrittenEntry>& entries) {
      WrittenEntry& pickle = testing::entry_named(entries, "data.pkl");
      std::string content = pickle.packed;
      const size_t at = content.find(from);
      ASSERT_NE(at, std::string::npos) << from;
      testing::set_content(pickle, content.replace(at, from.size(), to));
    });
  }
  static const std::string& good() {
    static const std::string kFile = read_text_file(testing::asset_path("final.pt")).value();
    return kFile;
  }
  static PickleText ops() { return PickleText::fragment(); }
};

TEST_F(HostileFiles, TheGoodOneIsAccepted) {
  EXPECT_EQ(refusal(good()), "accepted");
  EXPECT_EQ(extra(ops().op("K\x01")), "accepted");
  EXPECT_EQ(changed([](auto&) {}), "accepted");
}

TEST_F(HostileFiles, ACallOfOsSystemIsNamed) {
  EXPECT_THAT(extra(ops().global("os", "system").text("touch /tmp/owned").op("\x85R")),
              HasSubstr("extra: unknown class os.system"));
  EXPECT_THAT(extra(ops().global("builtins", "eval").text("1").op("\x85R")), HasSubstr("builtins.eval"));
  EXPECT_THAT(extra(ops().text("posix").text("system").op("\x93").text("id").op("\x85R")),
              HasSubstr("posix.system"));
}

TEST_F(HostileFiles, InstAndObjAndExtensionsHaveNoPlace) {
  EXPECT_THAT(extra(ops().op("(ios\nsystem\n")), HasSubstr("opcode 0x69"));
  EXPECT_THAT(extra(ops().op("(").global("torch.nn", "X").op("o")), HasSubstr("opcode 0x6f"));
  EXPECT_THAT(extra(ops().op("\x82\x01")), HasSubstr("opcode 0x82"));
  EXPECT_THAT(extra(ops().global("torch.nn", "X").op(")}K\x01K\x01s\x92")), HasSubstr("keyword"));
  EXPECT_THAT(extra(ops().op("Pstorage\n")), HasSubstr("opcode 0x50"));
}

TEST_F(HostileFiles, ABombIsRefused) {
  const auto bomb = [](std::string_view end, uint32_t stated) {
    return changed([&](std::vector<WrittenEntry>& entries) {
      WrittenEntry& entry = testing::entry_named(entries, end);
      std::string zeros(1 << 26, '\0'), packed(1 << 20, '\0');
      z_stream stream{};
      deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
      stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
      stream.avail_in = static_cast<uInt>(zeros.size());
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      deflate(&stream, Z_FINISH);
      packed.resize(stream.total_out);
      deflateEnd(&stream);
      entry.packed = packed;
      entry.method = 8;
      entry.size = stated;
    });
  };
  EXPECT_THAT(bomb("data.pkl", 1 << 26), HasSubstr("checksum"));
  EXPECT_THAT(bomb("data.pkl", (1 << 26) + 1), HasSubstr("limit"));
  EXPECT_THAT(bomb("data.pkl", 100), HasSubstr("more than the 100 bytes"));
  EXPECT_THAT(bomb("data/0", 0xf0000000), HasSubstr("cannot become"));
  EXPECT_THAT(bomb("data/0", 1000), HasSubstr("more than the 1000 bytes"));
}

TEST_F(HostileFiles, AZipInsideAZipIsNoCheckpoint) {
  EXPECT_THAT(refusal(testing::zip_of({testing::stored("model.pt", good())})),
              HasSubstr("holds no data.pkl"));
  EXPECT_THAT(changed([](std::vector<WrittenEntry>& entries) {
                testing::set_content(testing::entry_named(entries, "data.pkl"), good());
              }),
              HasSubstr("protocol"));
}

TEST_F(HostileFiles, ACycleOfListsIsRefusedOrHarmless) {
  EXPECT_EQ(extra(ops().op({"]r\x00\x00\x01\x00j\x00\x00\x01\x00"
                            "a",
                            12})),
            "accepted");
  std::string nested;
  for (int i = 0; i < 1000; ++i)
    nested += std::string(
        "j\x00\x00\x01\x00"
        "a",
        6);
  EXPECT_THAT(extra(ops().op({"]r\x00\x00\x01\x00", 6}).op(nested)), HasSubstr("nested"));
}

TEST_F(HostileFiles, AModuleThatHoldsItselfIsRefused) {
  const auto module = [](std::string_view package, std::string_view name, const PickleText& state) {
    return ops().global(package, name).op(")\x81}(").op(state.bytes).op("ub");
  };
  const auto holding = [](const PickleText& children) {
    return ops().text("_modules").op("}(").op(children.bytes).op("u");
  };
  // an activation that is a Sequential whose only child is itself
  const PickleText self = ops()
                              .global("torch.nn.modules.container", "Sequential")
                              .op(")\x81")
                              .op({"r\x00\x00\x01\x00", 5})
                              .op("}(")
                              .op(holding(ops().text("0").op({"j\x00\x00\x01\x00", 5})).bytes)
                              .op("ub");
  const PickleText weight = ops()
                                .text("_parameters")
                                .op("}")
                                .text("weight")
                                .tensor("HalfStorage", "0", 3, 0, {1, 3, 1, 1}, {3, 1, 1, 1})
                                .op("s");
  const PickleText convolution = module("torch.nn.modules.conv", "Conv2d", weight);
  const PickleText layer =
      module("ultralytics.nn.modules.conv", "Conv",
             ops().text("f").integer(-1).op(
                 holding(ops().text("conv").op(convolution.bytes).text("act").op(self.bytes)).bytes));
  const PickleText stack =
      module("torch.nn.modules.container", "Sequential", holding(ops().text("0").op(layer.bytes)));
  const PickleText model =
      module("ultralytics.nn.tasks", "DetectionModel", holding(ops().text("model").op(stack.bytes)));
  EXPECT_THAT(changed([&](std::vector<WrittenEntry>& entries) {
                testing::set_content(testing::entry_named(entries, "data.pkl"),
                                     PickleText().op("}").text("model").op(model.bytes).op("s.").bytes);
              }),
              HasSubstr("modules are nested more than"));
}

TEST_F(HostileFiles, ReferencesOutOfRangeAreRefused) {
  EXPECT_THAT(extra(ops().op({"j\xff\xff\xff\x7f", 5})), HasSubstr("memo entry 2147483647 is used"));
  EXPECT_THAT(extra(ops().op({"Nr\xff\xff\xff\xff", 6})), HasSubstr("passes the limit"));
  EXPECT_THAT(extra(ops().storage("FloatStorage", "999999", 1)), HasSubstr("storage '999999' has no entry"));
  EXPECT_THAT(extra(ops().storage("FloatStorage", "0", 1 << 20)), HasSubstr("wants 4194304 bytes"));
  EXPECT_THAT(extra(ops().storage("FloatStorage", "../../etc/passwd", 1)), HasSubstr("has no entry"));
}

TEST_F(HostileFiles, TensorsThatReachOutOfTheirStorageAreRefused) {
  EXPECT_THAT(extra(ops().tensor("HalfStorage", "0", 4, 0, {5}, {1})), HasSubstr("passes the end"));
  EXPECT_THAT(extra(ops().tensor("HalfStorage", "0", 4, 4, {1}, {1})), HasSubstr("passes the end"));
  EXPECT_THAT(extra(ops().tensor("HalfStorage", "0", 4, 0, {-1}, {1})), HasSubstr("holds -1"));
  EXPECT_THAT(extra(ops().tensor("HalfStorage", "0", 4, 0, {2, 2}, {INT64_MAX, 1})),
              HasSubstr("passes the end"));
  EXPECT_THAT(extra(ops().tensor("HalfStorage", "0", 4, INT64_MAX, {2, 2}, {INT64_MAX, INT64_MAX})),
              HasSubstr("passes the end"));
  EXPECT_THAT(
      extra(ops().tensor("HalfStorage", "0", 4, 0, std::vector<int64_t>(64, 1), std::vector<int64_t>(64, 1))),
      HasSubstr("at most 8"));
}

TEST_F(HostileFiles, HugeLengthsAndDepthsAndCountsAreRefused) {
  EXPECT_THAT(extra(ops().op({"X\xff\xff\xff\x7f", 5})), HasSubstr("passes the end of the pickle"));
  EXPECT_THAT(extra(ops().op({"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", 9})),
              HasSubstr("passes the end of the pickle"));
  EXPECT_THAT(extra(ops().op({"\x95\xff\xff\xff\xff\xff\xff\xff\xff", 9})), HasSubstr("frame"));
  EXPECT_THAT(extra(ops().op({"\x8b\xff\xff\xff\x7f", 5})), HasSubstr("passes the end of the pickle"));
  EXPECT_THAT(extra(ops().op(std::string(5000, '('))), HasSubstr("open marks"));
  EXPECT_THAT(extra(ops().op(std::string(100'000, ']') + std::string(99'999, 'a'))), HasSubstr("nested"));
  EXPECT_THAT(extra(ops().op("N" + std::string(100'000, '\x85'))), HasSubstr("nested"));
  EXPECT_THAT(extra(ops().op("]" + std::string(kMaxPickleObjects, ']'))), HasSubstr("more than"));
  EXPECT_THAT(extra(ops().op("N" + std::string(kMaxPickleOps, '2'))), HasSubstr("opcodes"));
}

TEST_F(HostileFiles, WrongTypesAreRefused) {
  EXPECT_THAT(extra(ops().text({"\xff\xfe", 2})), HasSubstr("UTF-8"));
  EXPECT_THAT(extra(ops().op("K\x01}b")), HasSubstr("given a state"));
  EXPECT_THAT(extra(ops().op("]K\x01K\x02s")), HasSubstr("set in a list"));
  EXPECT_THAT(extra(ops().op("K\x01Q")), HasSubstr("persistent id"));
  EXPECT_THAT(extra(ops().op("K\x01K\x02R")), HasSubstr("is called"));
  EXPECT_THAT(extra(ops().op("0000000")), HasSubstr("more from the stack"));
  EXPECT_THAT(changed([](auto& entries) {
                testing::set_content(testing::entry_named(entries, "data.pkl"), PickleText()
                                                                                    .op("](K\x01K\x02"
                                                                                        "e.")
                                                                                    .bytes);
              }),
              HasSubstr("the checkpoint is a list"));
  EXPECT_THAT(changed([](auto& entries) {
                testing::set_content(testing::entry_named(entries, "data.pkl"),
                                     PickleText().op("}").text("model").op("K\x01s.").bytes);
              }),
              HasSubstr("'model' is a int"));
}

TEST_F(HostileFiles, MissingAttributesAreNamed) {
  const auto renamed = [](std::string_view from, std::string_view to) {
    return replaced(ops().text(from).bytes, ops().text(to).bytes);
  };
  EXPECT_EQ(renamed("groups", "gr0ups"), "accepted");  // absent: one group
  EXPECT_THAT(renamed("eps", "epz"), HasSubstr("model.0.bn: it has no attribute 'eps'"));
  EXPECT_THAT(renamed("running_mean", "running_mode"),
              HasSubstr("model.0.bn: it has no tensor 'running_mean'"));
  EXPECT_THAT(renamed("reg_max", "reg_min"), HasSubstr("it has no attribute 'reg_max'"));
}

TEST_F(HostileFiles, MissingOrForeignEntriesAreRefused) {
  EXPECT_THAT(
      changed([](auto& entries) { testing::entry_named(entries, "data.pkl").name = "final/data.pkx"; }),
      HasSubstr("holds no data.pkl"));
  EXPECT_THAT(
      changed([](auto& entries) { testing::set_content(testing::entry_named(entries, "byteorder"), "big"); }),
      HasSubstr("byte order is 'big'"));
  EXPECT_THAT(
      changed([](auto& entries) { testing::set_content(testing::entry_named(entries, "/version"), "99\n"); }),
      HasSubstr("format version is '99'"));
  EXPECT_THAT(changed([](auto& entries) { entries.push_back(testing::stored("other/data.pkl", "x")); }),
              HasSubstr("two pickles"));
  EXPECT_THAT(changed([](auto& entries) { entries.push_back(entries.back()); }), HasSubstr("twice"));
  EXPECT_THAT(changed([](auto& entries) { entries.back().local_offset = 0; }), HasSubstr("called otherwise"));
  EXPECT_THAT(changed([](auto& entries) { entries.back().flags = 1; }), HasSubstr("encrypted"));
  EXPECT_THAT(refusal(std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15)),
              HasSubstr("before version 1.6"));
  EXPECT_THAT(refusal(""), HasSubstr("no directory"));
}

TEST_F(HostileFiles, ADamagedWeightIsNoticed) {
  EXPECT_THAT(changed([](auto& entries) { testing::entry_named(entries, "data/0").packed[0] ^= 1; }),
              HasSubstr("checksum"));
}

TEST_F(HostileFiles, EveryTruncationIsRefused) {
  for (size_t size = 0; size < good().size(); size += 97)
    EXPECT_NE(refusal(good().substr(0, size)), "accepted") << size;
}

// Each gives an error of one line, or a graph that is whole.
TEST_F(HostileFiles, AThousandMutatedFilesDoNoHarm) {
  std::mt19937 random(20240713);
  const auto check = [](const std::string& zip) {
    const Result<Graph> graph = testing::import_bytes(zip);
    if (graph) {
      EXPECT_TRUE(verify(*graph));
    } else {
      EXPECT_EQ(graph.error().message.find('\n'), std::string::npos);
      EXPECT_LT(graph.error().message.size(), 600u);
    }
  };
  const std::vector<WrittenEntry> entries = testing::entries_of(good());
  for (int i = 0; i < 500; ++i) {  // anywhere in the file
    std::string zip = good();
    for (auto flips = 1 + random() % 4; flips > 0; --flips)
      zip[random() % zip.size()] ^= static_cast<char>(1 << random() % 8);
    if (random() % 8 == 0) zip.resize(random() % zip.size());
    check(zip);
  }
  for (int i = 0; i < 500; ++i) {  // in the pickle, with checksums that agree
    std::vector<WrittenEntry> mutated = entries;
    WrittenEntry& pickle = testing::entry_named(mutated, "data.pkl");
    std::string content = pickle.packed;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % content.size(),
                   count = std::min<size_t>(random() % 12, content.size() - at);
      switch (random() % 3) {
        case 0:
          content[at] = static_cast<char>(random());
          break;
        case 1:
          content.erase(at, count);
          break;
        default:
          content.insert(at, content.substr(random() % (content.size() - 12), count));
      }
    }
    testing::set_content(pickle, std::move(content));
    check(testing::zip_of(mutated));
  }
}

TEST_F(HostileFiles, NothingAboveTookAGibibyte) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(usage.ru_maxrss, 1 << 20);  // KiB
#endif
}

}  // namespace
}  // namespace hone
