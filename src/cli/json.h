/* json.h - values for JSON output, one line at a time. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdio.h>

/* "name":"value" if the value is UTF-8, else "name_b64":"..." (RFC 4648 section 4): JSON has no way to write
 * other bytes. */
void json_text(FILE *f, const char *name, const char *value);

#endif
