/* What memcheck offers in C alone: marks on memory, the count of its reports, and wrappers around functions. */

#include <stddef.h>
#include <valgrind/memcheck.h>

static unsigned secret_verdicts;

int shim_is_watched(void) { return RUNNING_ON_VALGRIND != 0; }

unsigned shim_reports(void) { return VALGRIND_COUNT_ERRORS; }

unsigned shim_secret_verdicts(void) { return secret_verdicts; }

void shim_hide(void *start, size_t len) { (void)VALGRIND_MAKE_MEM_UNDEFINED(start, len); }

/* The value of a verdict that was made of secrets is public from here on: this, and nothing else of them, is. */
static unsigned long publish(unsigned long verdict) {
    unsigned char marks = 0;
    (void)VALGRIND_GET_VBITS(&verdict, &marks, 1);
    if (marks != 0) {
        secret_verdicts++;
    }
    (void)VALGRIND_MAKE_MEM_DEFINED(&verdict, sizeof verdict);
    return verdict;
}

/* Wraps the functions of two slices whose names fit a pattern, in which Za stands for any characters. */
#define VERDICT(pattern)                                                                                              \
    unsigned long I_WRAP_SONAME_FNNAME_ZZ(NONE, pattern)(void *a, size_t a_len, void *b, size_t b_len);                \
    unsigned long I_WRAP_SONAME_FNNAME_ZZ(NONE, pattern)(void *a, size_t a_len, void *b, size_t b_len) {               \
        OrigFn original;                                                                                              \
        unsigned long verdict;                                                                                        \
        VALGRIND_GET_ORIG_FN(original);                                                                               \
        CALL_FN_W_WWWW(verdict, original, a, a_len, b, b_len);                                                        \
        return publish(verdict);                                                                                      \
    }

/* `countersign::constant_time::eq` and `contains`, as either way of the compiler to write names has them. */
VERDICT(ZuZZN11countersign13constantZutime2eq17hZa)
VERDICT(ZuZZN11countersign13constantZutime8contains17hZa)
VERDICT(ZuRNvNtCsZaZu11countersign13constantZutime2eq)
VERDICT(ZuRNvNtCsZaZu11countersign13constantZutime8contains)
