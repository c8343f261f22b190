/* SPDX-License-Identifier: MIT */
/*
 * The calls that make and change mappings: mmap, munmap, mprotect, brk. They check what Linux checks and what the
 * handle's rights allow; mm/map.c and its neighbours do the work.
 */
#include "abi/linux/mman.h"
#include "core/thread.h"
#include "mm/space_impl.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

/* A mapping as decoded from mmap's arguments. */
struct mapping_request {
	uint64_t addr, len, offset;
	uint32_t prot, flags; /* as given */
	uint32_t vm_flags;
	uint32_t map_flags;
};

/* Flags that a Linux that knows MAP_SHARED_VALIDATE accepts with it. */
#define MAP_KNOWN                                                                                \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
		MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |           \
		MAP_HUGETLB | MAP_FIXED_NOREPLACE)

static int
decode_type(uint32_t flags, uint32_t *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_PRIVATE:
		return 0;
	case MAP_SHARED_VALIDATE:
		if (flags & ~MAP_KNOWN)
			return -EOPNOTSUPP;
		[[fallthrough]];
	case MAP_SHARED:
		*vm_flags |= VM_SHARED;
		return flags & MAP_GROWSDOWN ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/*
 * Whether the running task may have what is writable and executable at once: it takes a program that may
 * (space->wx_allowed, looked at by space_check_wx()) and the capability, which may have been given up since exec.
 */
static int
check_wx_capability(uint32_t prot)
{
	bool both = (prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC);
	return both && !(vfs_cred()->caps & CAP_WX) ? -EACCES : 0;
}

static int
decode(struct mapping_request *r)
{
	if (r->len == 0 || !is_aligned(r->offset, PAGE_SIZE) || (r->flags & MAP_HUGETLB))
		return -EINVAL;
	if (r->len > USER_END)
		return -ENOMEM;
	r->vm_flags = (r->prot & VM_PROT_MASK) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	int err = decode_type(r->flags, &r->vm_flags);
	if (err == 0)
		err = check_wx_capability(r->prot);
	if (err != 0)
		return err;
	if (r->flags & MAP_NORESERVE)
		r->vm_flags |= VM_NORESERVE;
	if (r->flags & MAP_GROWSDOWN)
		r->vm_flags |= VM_GROWSDOWN;
	if (r->flags & MAP_LOCKED) {
		r->vm_flags |= VM_LOCKED;
		if (!space_may_lock(arch_current()->space))
			return -EPERM;
	}
	if (r->flags & MAP_FIXED_NOREPLACE)
		r->map_flags = VM_MAP_FIXED_NOREPLACE;
	else if (r->flags & MAP_FIXED)
		r->map_flags = VM_MAP_FIXED;
	if ((r->flags & MAP_LOCKED) || (r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		r->map_flags |= VM_MAP_POPULATE;
	return 0;
}

/* What remains of it once the object has had its say (mount options, seals, where a file lies). */
static int
check_may(const struct mapping_request *r)
{
	uint32_t missing = ((r->vm_flags & VM_PROT_MASK) << VM_MAY_SHIFT) & ~r->vm_flags;
	if (missing & (VM_MAYREAD | VM_MAYWRITE))
		return -EACCES;
	return missing ? -EPERM : 0;
}

/*
 * Shared memory without a name is a memfd but for that: it can be mapped twice, to be written and to be executed, so
 * executing it takes UNSIGNED too.
 */
static int64_t
map_object(struct mapping_request *r, struct vm_object *o, struct file *f)
{
	if (o != NULL && (o->flags & OBJ_SHARED_ANON) && !(vfs_cred()->caps & CAP_UNSIGNED)) {
		r->vm_flags &= ~VM_MAYEXEC;
		int err = check_may(r);
		if (err != 0)
			return err;
	}
	return vm_map(
		arch_current()->space, r->addr, r->len, r->vm_flags, r->map_flags, o, r->offset, f);
}

static int64_t
map_anonymous(struct mapping_request *r)
{
	r->offset = 0;
	if (!(r->vm_flags & VM_SHARED))
		return map_object(r, NULL, NULL);
	struct vm_object *o = vm_object_create_anon(round_up(r->len, PAGE_SIZE));
	if (o == NULL)
		return -ENOMEM;
	int64_t at = map_object(r, o, NULL);
	vm_object_put(o);
	return at;
}

/* What the handle's rights let a mapping do, now and by mprotect later. 0, -EACCES, -EPERM. */
static int
check_rights(const struct mapping_request *r, rights_t rights, uint32_t *may)
{
	bool shared = r->vm_flags & VM_SHARED;
	if (!(rights & RIGHT_READ) || (shared && (r->prot & PROT_WRITE) && !(rights & RIGHT_WRITE)))
		return -EACCES;
	if ((r->prot & PROT_EXEC) && !(rights & RIGHT_EXEC))
		return -EPERM;
	*may = VM_MAYREAD;
	if (!shared || (rights & RIGHT_WRITE))
		*may |= VM_MAYWRITE;
	if (rights & RIGHT_EXEC)
		*may |= VM_MAYEXEC;
	return 0;
}

/* Maps what the file's operation answered. */
static int64_t
map_answered(struct mapping_request *r, struct file *f, const struct vm_map_request *req)
{
	r->vm_flags = (r->vm_flags & ~(VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)) | req->may;
	int err = check_may(r);
	if (err != 0)
		return err;
	if (req->object == NULL)
		return map_anonymous(r);
	bool device = req->object->flags & OBJ_DEVICE;
	if (device && !req->shared && (r->prot & PROT_WRITE))
		return -EINVAL; /* there is nothing to copy */
	r->offset = req->offset;
	return map_object(r, req->object, f);
}

static int64_t
map_borrowed_file(struct mapping_request *r, const struct file_ref *ref)
{
	struct file *f = ref->file;
	struct vm_map_request req = {.length = round_up(r->len, PAGE_SIZE),
		.offset = r->offset,
		.prot = r->prot & VM_PROT_MASK,
		.shared = r->vm_flags & VM_SHARED};
	int err = check_rights(r, ref->rights, &req.may);
	if (err != 0)
		return err;
	if (f->ops->mmap == NULL)
		return -ENODEV;
	if (r->vm_flags & VM_GROWSDOWN)
		return -EINVAL;
	err = f->ops->mmap(f, &req);
	if (err != 0)
		return err;
	int64_t result = map_answered(r, f, &req);
	if (req.counted)
		atomic_fetch_sub(
			&req.object->writable_maps, 1); /* a mapping that was made counts itself */
	if (req.object_owned)
		vm_object_put(req.object); /* a mapping that was made has its own reference */
	return result;
}

int64_t
sys_mmap(uint64_t addr, uint64_t len, uint32_t prot, uint32_t flags, int fd, uint64_t offset)
{
	struct mapping_request r = {
		.addr = addr, .len = len, .offset = offset, .prot = prot, .flags = flags};
	if (flags & MAP_ANONYMOUS) {
		if ((flags & MAP_TYPE) == MAP_SHARED_VALIDATE) /* a file's mappings only know it */
			return -EINVAL;
		int err = decode(&r);
		return err != 0 ? err : map_anonymous(&r);
	}
	struct file_ref ref;
	int64_t at = file_borrow(fd, RIGHT_MAP, &ref);
	if (at != 0)
		return at;
	at = decode(&r);
	if (at == 0)
		at = map_borrowed_file(&r, &ref);
	file_return(&ref);
	return at;
}

int64_t
sys_munmap(uint64_t addr, uint64_t len)
{
	return vm_unmap(arch_current()->space, addr, len);
}

/* PROT_GROWSDOWN: down to the start of the stack that addr lies in. */
static int
stack_start(struct vm_space *s, uint64_t *addr, uint64_t *len)
{
	rw_read_lock(&s->lock);
	const struct vm_area *a = area_find(&s->areas, *addr);
	int err = 0;
	if (a == NULL || a->start > *addr)
		err = -ENOMEM;
	else if (!(a->flags & VM_GROWSDOWN))
		err = -EINVAL;
	else
		*len += *addr - a->start;
	if (err == 0)
		*addr = a->start;
	rw_read_unlock(&s->lock);
	return err;
}

int64_t
sys_mprotect(uint64_t addr, uint64_t len, uint32_t prot)
{
	struct vm_space *s = arch_current()->space;
	if (!is_aligned(addr, PAGE_SIZE) || (prot & PROT_GROWSUP))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > USER_END)
		return -ENOMEM;
	int err = check_wx_capability(prot);
	if (err == 0 && (prot & PROT_GROWSDOWN))
		err = stack_start(s, &addr, &len);
	return err != 0 ? err : vm_protect(s, addr, len, prot & ~PROT_GROWSDOWN);
}

int64_t
sys_brk(uint64_t addr)
{
	return (int64_t)vm_brk(arch_current()->space, addr);
}
