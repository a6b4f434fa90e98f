#include "import/pt/zip_archive.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstring>

#include "import/pt/checkpoint_writer.h"

namespace hone {
namespace {

using ::testing::HasSubstr;
using testing::stored;
using testing::WrittenEntry;
using testing::zip_of;

std::string deflate_raw(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

WrittenEntry deflated(std::string name, const std::string& content) {
  WrittenEntry entry = stored(std::move(name), content);
  entry.packed = deflate_raw(content);
  entry.method = 8;
  return entry;
}

// The archive borrows the text.
Result<ZipArchive> open(const std::string& zip) { return ZipArchive::open(testing::bytes_of(zip), nullptr); }

std::string message_of(const std::string& zip) {
  const Result<ZipArchive> archive = open(zip);
  return archive ? "" : archive.error().message;
}

Result<std::string> read(const std::string& zip, std::string_view name, size_t budget_bytes = 1 << 24) {
  HONE_ASSIGN(const ZipArchive archive, open(zip));
  ByteBudget budget{budget_bytes};
  HONE_ASSIGN(const Bytes bytes, archive.read(*archive.find(name), budget));
  return std::string(reinterpret_cast<const char*>(bytes.view().data()), bytes.view().size());
}

TEST(ZipArchive, StoredAndDeflatedEntriesAreRead) {
  const std::string text(10'000, 'a');
  const std::string zip = zip_of({stored("x/a", "hello"), deflated("x/b", text), stored("x/empty", "")});
  EXPECT_EQ(read(zip, "x/a").value(), "hello");
  EXPECT_EQ(read(zip, "x/b").value(), text);
  EXPECT_EQ(read(zip, "x/empty").value(), "");
  EXPECT_EQ(open(zip)->find("x/c"), nullptr);
}

TEST(ZipArchive, AStoredEntryIsAViewOfTheFile) {
  const std::string zip = zip_of({stored("a", "hello")});
  const Result<ZipArchive> archive = open(zip);
  ByteBudget nothing{0};
  const Bytes bytes = archive->read(*archive->find("a"), nothing).value();
  EXPECT_GE(reinterpret_cast<const char*>(bytes.view().data()), zip.data());
  EXPECT_LT(reinterpret_cast<const char*>(bytes.view().data()), zip.data() + zip.size());
}

TEST(ZipArchive, ACommentAtTheEndIsPassedOver) {
  std::string zip = zip_of({stored("a", "hello")});
  zip[zip.size() - 2] = 3;
  EXPECT_EQ(read(zip + "abc", "a").value(), "hello");
}

TEST(ZipArchive, Zip64SizesAndEndRecordAreRead) {
  WrittenEntry entry = stored("a", "hello");
  entry.stated_packed = 0xffffffff;
  testing::put<uint16_t>(entry.extra, 1), testing::put<uint16_t>(entry.extra, 16);
  testing::put<uint64_t>(entry.extra, 5), testing::put<uint64_t>(entry.extra, 5);
  const auto with_size = [&](uint32_t size) {
    entry.size = size;
    std::string zip = zip_of({entry});
    const std::string end = zip.substr(zip.size() - 22);
    zip.resize(zip.size() - 22);
    const uint64_t record = zip.size();
    uint32_t directory_bytes = 0, directory_at = 0;
    std::memcpy(&directory_bytes, end.data() + 12, 4);
    std::memcpy(&directory_at, end.data() + 16, 4);
    testing::put<uint32_t>(zip, 0x06064b50), testing::put<uint64_t>(zip, 44), testing::put<uint32_t>(zip, 0);
    testing::put<uint64_t>(zip, 0), testing::put<uint64_t>(zip, 1), testing::put<uint64_t>(zip, 1);
    testing::put<uint64_t>(zip, directory_bytes), testing::put<uint64_t>(zip, directory_at);
    testing::put<uint32_t>(zip, 0x07064b50), testing::put<uint32_t>(zip, 0),
        testing::put<uint64_t>(zip, record);
    testing::put<uint32_t>(zip, 1);
    return zip + end;
  };
  EXPECT_EQ(read(with_size(0xffffffff), "a").value(), "hello");
  EXPECT_THAT(message_of(with_size(7)), HasSubstr("two sizes"));
}

TEST(ZipArchive, WhatIsNoZipOrCutOffIsRefusedAtEveryLength) {
  const std::string zip = zip_of({stored("x/a", "hello"), stored("x/b", "world")});
  for (size_t size = 0; size < zip.size(); ++size) EXPECT_NE(message_of(zip.substr(0, size)), "") << size;
  EXPECT_THAT(message_of("hello"), HasSubstr("no directory"));
}

TEST(ZipArchive, EntriesThatShareBytesAreRefused) {
  WrittenEntry second = stored("b", "hello");
  std::string zip = zip_of({stored("a", "hello"), second}, false);
  second.name = "a";
  second.local_name = "a";
  second.local_offset = 0;
  EXPECT_THAT(message_of(zip_of({stored("a", "hello"), second}, false)), HasSubstr("overlap"));
}

TEST(ZipArchive, ANameThatComesTwiceIsRefused) {
  EXPECT_THAT(message_of(zip_of({stored("a", "hello"), stored("a", "world")})), HasSubstr("twice"));
}

TEST(ZipArchive, ANameThatDiffersFromTheEntrysOwnIsRefused) {
  WrittenEntry entry = stored("a", "hello");
  entry.local_name = "b";
  EXPECT_THAT(message_of(zip_of({entry})), HasSubstr("called otherwise"));
}

TEST(ZipArchive, EncryptedAndUnknownMethodsAreRefused) {
  WrittenEntry secret = stored("a", "hello"), squeezed = stored("a", "hello");
  secret.flags = 1;
  squeezed.method = 14;
  EXPECT_THAT(message_of(zip_of({secret})), HasSubstr("encrypted"));
  EXPECT_THAT(message_of(zip_of({squeezed})), HasSubstr("method 14"));
}

TEST(ZipArchive, AnEntryOutOfRangeIsRefused) {
  WrittenEntry far = stored("a", "hello"), large = stored("a", "hello");
  far.local_offset = 1'000'000;
  large.stated_packed = large.size = 1'000'000;
  EXPECT_THAT(message_of(zip_of({far})), HasSubstr("no header"));
  EXPECT_THAT(message_of(zip_of({large})), HasSubstr("passes the end"));
}

TEST(ZipArchive, ABombIsRefusedByWhatItStatesAndByWhatItGives) {
  const std::string zeros(1 << 22, '\0');
  WrittenEntry honest = deflated("a", zeros), liar = honest, braggart = honest;
  EXPECT_THAT(read(zip_of({honest}), "a", 1 << 20).error().message, HasSubstr("limit"));
  liar.size = 100;
  EXPECT_THAT(read(zip_of({liar}), "a").error().message, HasSubstr("more than the 100 bytes"));
  braggart.size = 0xfffffff0;
  EXPECT_THAT(read(zip_of({braggart}), "a").error().message, HasSubstr("cannot become"));
}

TEST(ZipArchive, DamagedContentIsNoticed) {
  WrittenEntry bent = stored("a", "hello"), torn = deflated("b", std::string(1000, 'x') + "y");
  bent.packed[1] = 'E';
  torn.packed.resize(torn.packed.size() - 3);
  EXPECT_THAT(read(zip_of({bent}), "a").error().message, HasSubstr("checksum"));
  EXPECT_THAT(read(zip_of({torn}), "b").error().message, HasSubstr("cut off"));
}

TEST(ZipArchive, AnArchiveWithoutAnyChecksumIsTakenAsItIs) {
  WrittenEntry entry = stored("a", "hello");
  entry.crc = 0;
  EXPECT_EQ(read(zip_of({entry}), "a").value(), "hello");
}

}  // namespace
}  // namespace hone
