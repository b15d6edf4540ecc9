/* glibc 2.29 gave pow a new version (it no longer sets errno by SVID rules): the only symbol of the .NET runtime newer than 2.17.
 * Linked with --wrap=pow, every call reaches the version that all glibcs have, which lowers the floor from 2.29 to 2.17. */
#if defined(__x86_64__)
__asm__(".symver old_pow, pow@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver old_pow, pow@GLIBC_2.17");
#endif

double old_pow(double base, double exponent);

double __wrap_pow(double base, double exponent) { return old_pow(base, exponent); }
