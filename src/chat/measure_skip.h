/* measure_skip.h - over what is of no interest in a request, 64 bytes at a time. */
#ifndef CHAT_MEASURE_SKIP_H
#define CHAT_MEASURE_SKIP_H

/** Behind the object or array at `at`; NULL when it does not end.  For JSON that is trusted. */
const char *measure_skip(const char *at, const char *end);

/** Behind the string whose first quote stands at `at`; NULL when it does not end. */
const char *measure_string_end(const char *at, const char *end);

#endif
