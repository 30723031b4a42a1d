/* keeper.h - the process that opens a job's views and stays with them: it starts the daemons and notices if
 * one is lost. */
#ifndef NODE_KEEPER_H
#define NODE_KEEPER_H

struct job;

/* What the keeper tells the prolog, once. */
struct keeper_report {
	int code; /* 0 or negative errno */
	char step[32];
	char text[1280];
};

/* Open everything, report on report_fd, watch until every daemon has ended. Never returns. */
void __attribute__((noreturn)) keeper_run(struct job *job, int report_fd);

#endif
