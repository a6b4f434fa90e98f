# Cross compilation for aarch64 (Jetson Orin and other Arm machines) with Debian's g++-aarch64-linux-gnu. Headers of the
# libraries are the host's, which are the same for both; rooms are static libraries, so nothing is linked.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(THREADS_PREFER_PTHREAD_FLAG ON)
# Configuration headers of libjpeg and libtiff lie in the host's own folder; they say the same on both machines.
set(CMAKE_CXX_FLAGS_INIT "-idirafter /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu")
