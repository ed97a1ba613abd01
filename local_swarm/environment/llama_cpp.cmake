# Included while llama-cpp-python configures llama.cpp: leaves out its `common` library, which holds the command line tools'
# argument parsing and more that the bindings never load. With multimodal off as well, building takes a fifth of the time.
if (NOT LLAMA_BUILD_COMMON)
    set(LLAMA_BUILD_COMMON OFF)
endif()

# Some virtual machines announce AMX, grant the permission to use it, and stop a program at its first tile all the same. What the
# compiler takes for native code would crash there, so AMX is tried out first.
if (CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    include(CheckCXXSourceRuns)
    set(CMAKE_REQUIRED_FLAGS "-march=native")
    check_cxx_source_runs([[
        #if defined(__AMX_INT8__) && defined(__linux__)
        #include <immintrin.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main() {
            if (syscall(SYS_arch_prctl, 0x1023, 18)) return 1;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
            _tile_zero(0);
            return 0;
        }
        #else
        int main() { return 0; }
        #endif
    ]] LOCAL_SWARM_NATIVE_RUNS)
    unset(CMAKE_REQUIRED_FLAGS)
    if (NOT LOCAL_SWARM_NATIVE_RUNS)
        add_compile_options(-U__AMX_INT8__)
    endif()
endif()
