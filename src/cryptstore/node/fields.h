/* fields.h - words and numbers out of the small text files of /proc, /sys and the job's state. */
#ifndef NODE_FIELDS_H
#define NODE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

/* The next word of the text at *at, which is terminated in place; *at moves behind it. NULL: there is none.
 * Words are separated by blanks, tabs and newlines. */
char *fields_word(char **at);

/* The next word as a decimal number, 0 to max. False: there is none, or it is something else. */
bool fields_number(char **at, uint64_t max, uint64_t *ret);

/* The whole text as such a number. */
bool fields_is_number(const char *text, uint64_t max, uint64_t *ret);

#endif
