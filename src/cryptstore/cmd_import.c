/* cmd_import.c - cryptstore import: a tree into a store, without a mount. */
#include "cryptstore/bulk.h"
#include "cryptstore/cmd.h"

int cmd_import(int argc, char **argv)
{
	return bulk_main(argc, argv, true);
}
