/* The generated tables, once in a program. */
#include "laserlink_tables.h"
