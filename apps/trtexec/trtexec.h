// trtexec's command line: the flags, shapes rules, output and exit codes that scripts know (0 passed, 1
// anything else).
#pragma once

namespace hone {
int trtexec_main(int argc, char** argv);
}
