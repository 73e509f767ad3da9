/* scan.c - what each byte may be. */
#include "wire/scan.h"

/* Short names, so that the table has the shape of an ASCII chart. */
enum {
    NO = 0,
    TK = SCAN_TOKEN | SCAN_TARGET,
    TO = SCAN_TOKEN, // not in a target: #
    TA = SCAN_TARGET,
    LE = SCAN_TOKEN | SCAN_TARGET | SCAN_HOST | SCAN_UNRESERVED,
    HX = SCAN_TOKEN | SCAN_TARGET | SCAN_HOST | SCAN_UNRESERVED | SCAN_HEX,
    TI = SCAN_TOKEN | SCAN_TARGET | SCAN_UNRESERVED, // ~
};

// clang-format off
const uint8_t scan_classes[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    /*  !   "   #   $   %   &   '   (   )   *   +   ,   -   .   / */
    NO, TK, NO, TO, TK, TK, TK, TK, TA, TA, TK, TK, TA, LE, LE, TA,
    /* 0 to 9                               :   ;   <   =   >   ? */
    HX, HX, HX, HX, HX, HX, HX, HX, HX, HX, TA, TA, NO, TA, NO, TA,
    /* @, A to O */
    TA, HX, HX, HX, HX, HX, HX, LE, LE, LE, LE, LE, LE, LE, LE, LE,
    /* P to Z                                   [   \   ]   ^   _ */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, TA, NO, TA, TK, LE,
    /* `, a to o */
    TK, HX, HX, HX, HX, HX, HX, LE, LE, LE, LE, LE, LE, LE, LE, LE,
    /* p to z                                   {   |   }   ~     */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, TA, TK, TA, TI, NO,
};
// clang-format on
