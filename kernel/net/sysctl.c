/* SPDX-License-Identifier: MIT */
/* The tables of settings, made of net/sysctl.def, and the ways to read and change them. */
#include "net/sysctl.h"

#include "core/epochlist.h"
#include "net/ip/reply_limit.h"
#include "net/ip/internal.h"
#include "net/net.h"
#include "net/tcp/tcp.h"

#define MTU6_MIN     1280u
#define REACHABLE_MS 30000u /* RFC 4861, 10 */
#define RETRANS_MS   1000u

static struct in6_device *
in6_of(const struct netif *nif)
{
	return (struct in6_device *)in_device_of(nif, false);
}

/* Of an interface, or of those to come. */
static struct in6_conf *
conf6(struct net_stack *net, const struct netif *nif)
{
	return nif != NULL ? in6_conf_of(nif) : in6_conf_default(net);
}

/* --- Hooks. --- */

static const struct net_sysctl_hooks net_sysctl_ordered = {.ordered = true};

static void
change_disabled(struct net_stack *net, struct netif *nif, _Atomic uint32_t *to, uint32_t value)
{
	if (nif != NULL)
		in6_set_disabled(nif, value != 0);
	else
		atomic_store_explicit(to, value, memory_order_relaxed);
}

static const struct net_sysctl_hooks disable_hooks = {.change = change_disabled};

static uint32_t
unset_mtu(struct net_stack *net, const struct netif *nif)
{
	return nif == NULL
		? MTU6_MIN
		: atomic_load_explicit((_Atomic uint32_t *)&nif->mtu, memory_order_relaxed);
}

static void
change_mtu(struct net_stack *net, struct netif *nif, _Atomic uint32_t *to, uint32_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
	route_new_generation(net);
}

static const struct net_sysctl_hooks mtu_hooks = {.unset = unset_mtu, .change = change_mtu};

static uint32_t
unset_reachable(struct net_stack *net, const struct netif *nif)
{
	return REACHABLE_MS;
}

static uint32_t
unset_retrans(struct net_stack *net, const struct netif *nif)
{
	return RETRANS_MS;
}

static const struct net_sysctl_hooks reachable_hooks = {.unset = unset_reachable};
static const struct net_sysctl_hooks retrans_hooks = {.unset = unset_retrans};

/* --- The table. --- */

#define PLACE(folder, name, count, place, low, high, ...)                   \
	_Static_assert((count) != 0 || (low) == (high), #name " is fixed"); \
	static _Atomic uint32_t *folder##_##name(                           \
		struct net_stack *net, struct netif *nif, uint32_t i)       \
	{                                                                   \
		return place;                                               \
	}
#define SYSCTL_CORE(...)   PLACE(core, __VA_ARGS__)
#define SYSCTL_UNIX(...)   PLACE(unix, __VA_ARGS__)
#define SYSCTL_IP4(...)    PLACE(ip4, __VA_ARGS__)
#define SYSCTL_CONF4(...)  PLACE(conf4, __VA_ARGS__)
#define SYSCTL_IP6(...)    PLACE(ip6, __VA_ARGS__)
#define SYSCTL_CONF6(...)  PLACE(conf6, __VA_ARGS__)
#define SYSCTL_NEIGH6(...) PLACE(neigh6, __VA_ARGS__)
#include "net/sysctl.def"

#define ROW(folder, name, count, place, low, high, hooks, what) \
	{#name, count, low, high, folder##_##name, hooks},

const struct net_sysctl net_sysctls[NET_SYSCTLS] = {
#define SYSCTL_CORE(...)   ROW(core, __VA_ARGS__)
#define SYSCTL_UNIX(...)   ROW(unix, __VA_ARGS__)
#define SYSCTL_IP4(...)    ROW(ip4, __VA_ARGS__)
#define SYSCTL_CONF4(...)  ROW(conf4, __VA_ARGS__)
#define SYSCTL_IP6(...)    ROW(ip6, __VA_ARGS__)
#define SYSCTL_CONF6(...)  ROW(conf6, __VA_ARGS__)
#define SYSCTL_NEIGH6(...) ROW(neigh6, __VA_ARGS__)
#include "net/sysctl.def"
};

/* --- Reading and changing. --- */

/* The interface whose setting is meant, *nif NULL for those to come and for rows that are the stack's. */
static int
find(struct net_stack *net, uint32_t whose, struct netif **nif)
{
	*nif = NULL;
	if (whose == NET_SYSCTL_ALL || whose == NET_SYSCTL_DEFAULT)
		return 0;
	*nif = netif_by_index(net, whose - NET_SYSCTL_NETIF(0));
	return *nif != NULL && in6_of(*nif) != NULL ? 0 : -ENOENT;
}

static uint32_t
read_one(struct net_stack *net, const struct net_sysctl *s, struct netif *nif, uint32_t i)
{
	uint32_t value = atomic_load_explicit(s->place(net, nif, i), memory_order_relaxed);
	return value == 0 && s->hooks != NULL && s->hooks->unset != NULL ? s->hooks->unset(net, nif)
									 : value;
}

int
net_sysctl_get(struct net_stack *net, const struct net_sysctl *s, uint32_t whose,
	uint32_t values[NET_SYSCTL_NUMBERS])
{
	struct netif *nif;
	values[0] = s->low;
	epoch_enter();
	int err = find(net, whose, &nif);
	for (uint32_t i = 0; i < s->count && err == 0; i++)
		values[i] = read_one(net, s, nif, i);
	epoch_exit();
	if (err != 0)
		return err;
	return s->count != 0 ? (int)s->count : 1;
}

static void
store(struct net_stack *net, const struct net_sysctl *s, struct netif *nif, const uint32_t *values)
{
	for (uint32_t i = 0; i < s->count; i++) {
		_Atomic uint32_t *to = s->place(net, nif, i);
		if (s->hooks != NULL && s->hooks->change != NULL)
			s->hooks->change(net, nif, to, values[i]);
		else
			atomic_store_explicit(to, values[i], memory_order_relaxed);
	}
}

static void
store_all(struct net_stack *net, const struct net_sysctl *s, const uint32_t *values)
{
	struct netif *nif;
	store(net, s, NULL, values);
	list_for_each_entry (nif, &net->netifs, node) {
		if (in6_of(nif) != NULL)
			store(net, s, nif, values);
	}
}

static bool
is_of_interfaces(const struct net_sysctl *s)
{
	return s >= &net_sysctls[NET_SYSCTL_OF_INTERFACES];
}

static bool
is_ordered(const uint32_t *values, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		if (values[i] < values[i - 1])
			return false;
	}
	return true;
}

int
net_sysctl_set(struct net_stack *net, const struct net_sysctl *s, uint32_t whose,
	const uint32_t *values, uint32_t count)
{
	struct netif *nif;
	uint32_t all[NET_SYSCTL_NUMBERS];
	mutex_lock(&net->config_lock);
	int err = find(net, whose, &nif);
	for (uint32_t i = 0; i < s->count && err == 0; i++)
		all[i] = i < count ? values[i] : read_one(net, s, nif, i);
	if (err == 0 && s->hooks != NULL && s->hooks->ordered && !is_ordered(all, s->count))
		err = -EINVAL;
	if (err == 0 && whose == NET_SYSCTL_ALL && is_of_interfaces(s))
		store_all(net, s, all);
	else if (err == 0)
		store(net, s, nif, all);
	mutex_unlock(&net->config_lock);
	return err;
}
