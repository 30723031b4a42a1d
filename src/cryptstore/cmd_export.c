/* cmd_export.c - cryptstore export: a tree out of a store, without a mount. */
#include "cryptstore/bulk.h"
#include "cryptstore/cmd.h"

int cmd_export(int argc, char **argv)
{
	return bulk_main(argc, argv, false);
}
