/* banned.h - included first by the build: what must not be called here. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The headers that declare them come first; poisoning then stops every use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Fortified headers make macros of some, which must go before the name can be poisoned. */
#undef strcpy
#undef strcat
#undef strncat
#undef sprintf
#undef vsprintf
#undef gets

#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison localtime gmtime ctime asctime
#pragma GCC poison tmpnam mktemp

#endif
