/* vocabulary_none.c - in the place of the file that tools/vocabulary could not make. */
#include "chat/vocabulary.h"

const unsigned char vocabulary_data[8] = {0};
