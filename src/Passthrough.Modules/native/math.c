/* glibc 2.27 and 2.29 gave these functions new versions (they no longer set errno by SVID rules): the only symbols the .NET runtime uses
 * that are newer than 2.17. Linked with --wrap (Native.props), every call reaches the version that all glibcs have. */
#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#endif

#define WRAP1(type, name)                                   \
    __asm__(".symver old_" #name ", " #name "@" OLDEST);    \
    type old_##name(type);                                  \
    type __wrap_##name(type x) { return old_##name(x); }

#define WRAP2(type, name)                                   \
    __asm__(".symver old_" #name ", " #name "@" OLDEST);    \
    type old_##name(type, type);                            \
    type __wrap_##name(type x, type y) { return old_##name(x, y); }

WRAP1(double, exp) WRAP1(double, exp2) WRAP1(double, log) WRAP1(double, log2) WRAP2(double, pow)
WRAP1(float, expf) WRAP1(float, exp2f) WRAP1(float, logf) WRAP1(float, log2f) WRAP2(float, powf)
