/* exitcode.h - the program's documented exit codes, those of the Go gocryptfs (format.md section 14). */
#ifndef CLI_EXITCODE_H
#define CLI_EXITCODE_H

enum exitcode {
	EXITCODE_OK = 0,
	EXITCODE_USAGE = 1,
	EXITCODE_PANIC = 2,
	EXITCODE_CIPHERDIR = 6, /* CIPHERDIR is not an empty or not an existing directory */
	EXITCODE_INIT = 7,	/* -init failed, or the backup of the config could not be made */
	EXITCODE_LOADCONF = 8,	/* -info: config unreadable; xray: wrong password */
	EXITCODE_READPASSWORD = 9,
	EXITCODE_MOUNTPOINT = 10,
	EXITCODE_OTHER = 11,	/* also: config missing or not JSON at mount */
	EXITCODE_PASSWORD = 12, /* password incorrect */
	EXITCODE_SCRYPT = 13,
	EXITCODE_MASTERKEY = 14,
	EXITCODE_SIGINT = 15, /* ended by SIGINT or SIGTERM */
	EXITCODE_FORK = 17,
	EXITCODE_MOUNT = 19,
	EXITCODE_CTLSOCK = 20,
	EXITCODE_WRITECONF = 24,
	EXITCODE_PROFILER = 25,
	EXITCODE_FSCK = 26,
	EXITCODE_DEPRECATED = 27, /* unsupported or deprecated store */
	EXITCODE_EXCLUDE = 29,
	EXITCODE_DEVNULL = 30,
	EXITCODE_FIDO2 = 31,
};

#endif
