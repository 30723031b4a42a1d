/* elfsym.c - walk the section headers of an ELF file to its dynamic symbols (System V ABI, gabi 4+, chapter
 * 4). */
#include "cryptstore/elfsym.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

enum { FILE_MAX = 16 << 20 };

struct image {
	const char *p;
	size_t n;
};

/* A part of the file, or NULL if it does not lie in it or is not aligned for its type. */
static const void *part(const struct image *im, uint64_t off, uint64_t len, size_t align)
{
	if (off > im->n || len > im->n - off || off % align != 0)
		return NULL;
	return im->p + off;
}

/* The file offset that a virtual address is loaded from; false if none is. */
static bool offset_of(const struct image *im, const Elf64_Ehdr *eh, uint64_t addr, uint64_t *ret)
{
	const Elf64_Phdr *ph =
	    part(im, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(*ph), _Alignof(Elf64_Phdr));
	unsigned int i;

	for (i = 0; ph && eh->e_phentsize == sizeof(*ph) && i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && addr >= ph[i].p_vaddr &&
		    addr - ph[i].p_vaddr < ph[i].p_filesz) {
			*ret = ph[i].p_offset + (addr - ph[i].p_vaddr);
			return true;
		}
	return false;
}

static int find(const struct image *im, const Elf64_Ehdr *eh, const Elf64_Shdr *sh, const char *name,
		uint32_t *ret)
{
	const Elf64_Shdr *dyn = sh, *str;
	const Elf64_Sym *sym;
	const void *value;
	size_t i, len = strlen(name) + 1;
	uint64_t off;

	while (dyn < sh + eh->e_shnum && dyn->sh_type != SHT_DYNSYM)
		dyn++;
	if (dyn == sh + eh->e_shnum || dyn->sh_link >= eh->e_shnum)
		return -ENOEXEC;
	str = &sh[dyn->sh_link];
	sym = part(im, dyn->sh_offset, dyn->sh_size, _Alignof(Elf64_Sym));
	if (!sym || !part(im, str->sh_offset, str->sh_size, 1))
		return -ENOEXEC;
	for (i = 0; i < dyn->sh_size / sizeof(*sym); i++) {
		if (sym[i].st_shndx == SHN_UNDEF || sym[i].st_name > str->sh_size ||
		    str->sh_size - sym[i].st_name < len ||
		    memcmp(im->p + str->sh_offset + sym[i].st_name, name, len) != 0)
			continue;
		value = offset_of(im, eh, sym[i].st_value, &off) ? part(im, off, sizeof(*ret), 1) : NULL;
		if (!value)
			return -ENOEXEC;
		memcpy(ret, value, sizeof(*ret));
		return 0;
	}
	return -ENOENT;
}

int elfsym_u32(int fd, const char *name, uint32_t *ret, struct err *err)
{
	auto_free char *text = NULL;
	struct image im = { 0 };
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh = NULL;
	int r = fd_slurp(fd, FILE_MAX, &text, &im.n);

	if (r < 0)
		return err_set(err, r, "cannot be read: %s", strerror(-r));
	im.p = text;
	eh = part(&im, 0, sizeof(*eh), 1);
	if (eh && !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	    eh->e_shentsize == sizeof(*sh))
		sh = part(&im, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh), _Alignof(Elf64_Shdr));
	r = sh ? find(&im, eh, sh, name, ret) : -ENOEXEC;
	if (r == -ENOENT)
		return err_set(err, r, "does not export '%s'", name);
	return r < 0 ? err_set(err, r, "is no 64-bit shared object") : 0;
}
