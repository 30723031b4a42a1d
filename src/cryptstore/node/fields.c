/* fields.c - words and numbers out of the small text files of /proc, /sys and the job's state. */
#include "cryptstore/node/fields.h"

#include <stddef.h>
#include <string.h>

char *fields_word(char **at)
{
	static const char blanks[] = " \t\n";
	char *word = *at + strspn(*at, blanks);
	char *end = word + strcspn(word, blanks);

	if (word == end)
		return NULL;
	*at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

bool fields_is_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return false;
	}
	if (n > max)
		return false;
	*ret = n;
	return true;
}

bool fields_number(char **at, uint64_t max, uint64_t *ret)
{
	const char *word = fields_word(at);

	return word && fields_is_number(word, max, ret);
}
