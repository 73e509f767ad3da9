/* trim.h - when memory goes back to the system. */
#ifndef APP_TRIM_H
#define APP_TRIM_H

/**
 * Freed heap, and the pages of the program and its libraries: what is executed once
 * (reading a configuration, initialising libraries) stays mapped otherwise.  What is
 * needed again comes back from the page cache by itself.
 */
void trim_memory(void);

/**
 * Freed heap of some MiB stays with each thread: large requests that follow each other
 * would otherwise hand the same pages back and take them again, each for a fault.
 */
void trim_keep_some(void);

#endif
