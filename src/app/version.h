/* version.h - which gproxy this is. */
#ifndef APP_VERSION_H
#define APP_VERSION_H

#ifndef GPROXY_VERSION
#define GPROXY_VERSION "0.1.0"
#endif

#endif
