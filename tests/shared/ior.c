/* ior.c - an MPI program with the shared-file patterns of the IOR benchmark: all ranks write one file, each
 * its own parts (segmented; strided by records that lie across blocks), by plain write(2), by MPI-IO, and by
 * collective MPI-IO; then every rank reads and checks what another one wrote (IOR's -C).   ior FILE COUNT */
#include <fcntl.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POSIX, MPIIO, COLLECTIVE, APIS };

static int rank, ranks;

static void fill(uint64_t *buf, size_t n, uint64_t record)
{
	for (size_t i = 0; i < n / 8; i++)
		buf[i] = record * 1000003 + i;
}

static int io(int api, int fd, MPI_File f, int writing, void *buf, size_t n, off_t off)
{
	MPI_Status st;
	int got = 0, r;

	if (api == POSIX)
		return (size_t)(writing ? pwrite(fd, buf, n, off) : pread(fd, buf, n, off)) == n ? 0 : 1;
	if (api == COLLECTIVE)
		r = writing ? MPI_File_write_at_all(f, off, buf, (int)n, MPI_BYTE, &st)
			    : MPI_File_read_at_all(f, off, buf, (int)n, MPI_BYTE, &st);
	else
		r = writing ? MPI_File_write_at(f, off, buf, (int)n, MPI_BYTE, &st)
			    : MPI_File_read_at(f, off, buf, (int)n, MPI_BYTE, &st);
	if (r == MPI_SUCCESS)
		MPI_Get_count(&st, MPI_BYTE, &got);
	return got == (int)n ? 0 : 1;
}

/* Number of the k-th record of a rank. */
static uint64_t number(int strided, int who, int k, int count)
{
	return strided ? (uint64_t)k * ranks + who : (uint64_t)who * count + k;
}

static long one(const char *path, int api, int strided, size_t size, int count)
{
	uint64_t *buf = malloc(size + 8), *want = malloc(size + 8);
	int fd = -1, other = (rank + 1) % ranks;
	MPI_File f = MPI_FILE_NULL;
	long wrong = 0, all;

	for (int writing = 1; writing >= 0; writing--) {
		if (api == POSIX)
			fd = open(path, O_RDWR | O_CREAT, 0644);
		else if (MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDWR | MPI_MODE_CREATE, MPI_INFO_NULL,
				       &f) != MPI_SUCCESS)
			MPI_Abort(MPI_COMM_WORLD, 2);
		for (int k = 0; k < count; k++) {
			uint64_t i = number(strided, writing ? rank : other, k, count);

			fill(want, size, i);
			memcpy(buf, want, size);
			if (!writing)
				memset(buf, 0xee, size);
			wrong += io(api, fd, f, writing, buf, size, (off_t)(i * size));
			wrong += memcmp(buf, want, size / 8 * 8) != 0;
		}
		if (api == POSIX)
			wrong += fsync(fd) != 0 || close(fd) != 0;
		else
			MPI_File_close(&f);
		MPI_Barrier(MPI_COMM_WORLD);
	}
	free(buf);
	free(want);
	MPI_Reduce(&wrong, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
	return all;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 47008, 4096, 262144 };
	static const char *const apis[] = { "POSIX", "MPI-IO", "collective MPI-IO" };
	long wrong = 0, ops = 0;
	char path[4096];

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (argc < 3)
		MPI_Abort(MPI_COMM_WORLD, 2);
	for (int api = 0; api < APIS; api++)
		for (int strided = 0; strided < 2; strided++)
			for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
				long w;

				snprintf(path, sizeof(path), "%s.%d.%d.%zu", argv[1], api, strided, s);
				w = one(path, api, strided, sizes[s], atoi(argv[2]));
				if (rank == 0 && w)
					printf("%s, %s, records of %zu: %ld wrong\n", apis[api],
					       strided ? "strided" : "segmented", sizes[s], w);
				wrong += w;
				ops += 2L * ranks * atoi(argv[2]);
			}
	if (rank == 0)
		printf("%d ranks, %ld operations, %ld wrong\n", ranks, ops, wrong);
	MPI_Finalize();
	return 0;
}
