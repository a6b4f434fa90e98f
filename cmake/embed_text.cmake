# cmake -DINPUT=… -DOUTPUT=… -DNAME=… -P embed_text.cmake: a text file as a std::string_view.
file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}" "#include \"cuda_text.h\"

namespace hone::cuda_text {
namespace {
constexpr char kText[] = R\"hone~(${text})hone~\";
}
const std::string_view ${NAME}(kText, sizeof(kText) - 1);
}  // namespace hone::cuda_text
")
