/* watch.h - notice when a view is lost while its job runs, and say so. */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H

struct job;

/* Watch the open views of a job until every daemon has ended. To be called by the daemons' parent, in the
 * job's namespace. A view is lost if
 *   - its daemon ends,
 *   - its daemon is stopped (SIGSTOP) and does not go on within the policy's grace.unmount: it is cut off,
 *   - it is unmounted by somebody else,
 *   - its file system answers with errors, twice in a row,
 *   - processes that were killed cannot end for as long as that grace: all views of the job are cut off.
 * What then is: reads and writes fail; the reason is in the job's state (its steps print it), in syslog and
 * in the audit trail; and with loss.action: cancel the job's processes on this node are ended. A file system
 * that does not answer at all is no loss: servers come back. It is told in syslog and in the status. */
void watch_job(struct job *job);

#endif
