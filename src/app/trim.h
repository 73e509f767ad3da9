/* trim.h - gives memory back that only the start needed. */
#ifndef APP_TRIM_H
#define APP_TRIM_H

/**
 * Freed heap, and the pages of the program and its libraries: what is executed once
 * (reading a configuration, initialising libraries) stays mapped otherwise.  What is
 * needed again comes back from the page cache by itself.
 */
void trim_memory(void);

#endif
