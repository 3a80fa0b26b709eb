/*
 * net_change.c
 *		Collapsing changes by key.
 */
#include "apply/net_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct NetTable
{
	const NetShape *shape;
	Arena	   *arena;
	NetRow	  **buckets;
	size_t		bucket_count;	/* a power of two */
	size_t		count;
	NetRow	  **rows;			/* in the order of arrival */
	size_t		capacity;
	char	   *scratch;		/* a canonical key */
	size_t		scratch_size;
};

#define FIRST_BUCKETS 256

NetTable *
net_new(const NetShape *shape, Arena *arena)
{
	NetTable   *net = mem_zalloc(sizeof(NetTable));

	net->shape = shape;
	net->arena = arena;
	net->bucket_count = FIRST_BUCKETS;
	net->buckets = mem_zalloc(sizeof(NetRow *) * net->bucket_count);
	return net;
}

void
net_free(NetTable *net)
{
	if (net == NULL)
		return;
	free(net->buckets);
	free(net->rows);
	free(net->scratch);
	free(net);
}

void
net_reset(NetTable *net)
{
	/* A small group must not pay for the buckets of a large one before it. */
	if (net->bucket_count > FIRST_BUCKETS && net->count < net->bucket_count / 16)
	{
		free(net->buckets);
		net->bucket_count /= 4;
		net->buckets = mem_zalloc(sizeof(NetRow *) * net->bucket_count);
	}
	else if (net->count > 0)
		memset(net->buckets, 0, sizeof(NetRow *) * net->bucket_count);
	net->count = 0;
}

size_t
net_count(const NetTable *net)
{
	return net->count;
}

static void
grow(NetTable *net)
{
	size_t		count = net->bucket_count * 4;
	NetRow	  **buckets = mem_zalloc(sizeof(NetRow *) * count);

	for (size_t i = 0; i < net->count; i++)
	{
		NetRow	   *row = net->rows[i];

		row->next = buckets[row->hash & (count - 1)];
		buckets[row->hash & (count - 1)] = row;
	}
	free(net->buckets);
	net->buckets = buckets;
	net->bucket_count = count;
}

/* Without zeros at the end of the fraction, and without a point that nothing follows. */
static size_t
numeric_length(const Value *value)
{
	size_t		length = value->length;

	if (length == 0 || memchr(value->data, '.', length) == NULL)
		return length;
	while (value->data[length - 1] == '0')
		length--;
	return value->data[length - 1] == '.' ? length - 1 : length;
}

static size_t
canonical_length(NetKeyKind kind, const Value *value)
{
	return kind == NET_KEY_NUMERIC ? numeric_length(value) : value->length;
}

static int64_t
read_integer(const Value *value)
{
	bool		negative = value->length > 0 && value->data[0] == '-';
	uint64_t	number = 0;

	for (size_t i = negative ? 1 : 0; i < value->length; i++)
		number = number * 10 + (uint64_t) (value->data[i] - '0');
	return (int64_t) (negative ? 0 - number : number);
}

/*
 * The canonical key of values, as length and bytes of each; a single column is its bytes alone.  NULL: a value of it is missing.
 */
static const char *
canonical_key(NetTable *net, const Value *values, size_t *length)
{
	const NetShape *shape = net->shape;
	size_t		size = 0;
	char	   *to;

	if (shape->key_count == 1 && values[0].kind == VALUE_TEXT)
	{
		*length = canonical_length(shape->key_kinds[0], &values[0]);
		return values[0].data;
	}
	for (int k = 0; k < shape->key_count; k++)
	{
		if (values[k].kind != VALUE_TEXT)
			return NULL;
		size += values[k].length + sizeof(uint32_t);
	}
	if (size > net->scratch_size)
	{
		net->scratch_size = size * 2;
		net->scratch = mem_realloc(net->scratch, net->scratch_size);
	}
	to = net->scratch;
	for (int k = 0; k < shape->key_count; k++)
	{
		uint32_t	part = (uint32_t) canonical_length(shape->key_kinds[k], &values[k]);

		memcpy(to, &part, sizeof(part));
		memcpy(to + sizeof(part), values[k].data, part);
		to += sizeof(part) + part;
	}
	*length = (size_t) (to - net->scratch);
	return net->scratch;
}

static NetRow *
find(NetTable *net, uint64_t hash, const char *key, size_t length)
{
	for (NetRow *row = net->buckets[hash & (net->bucket_count - 1)]; row != NULL; row = row->next)
	{
		if (row->hash == hash && row->key_length == length && memcmp(row->key, key, length) == 0)
			return row;
	}
	return NULL;
}

typedef struct FoundKey
{
	const char *key;			/* canonical; NULL: a value of it is not known */
	size_t		length;
	uint64_t	hash;
	NetRow	   *row;			/* NULL: none yet */
} FoundKey;

/* Looks only.  The key may be in the scratch space: valid until the next look. */
static FoundKey
look(NetTable *net, const Value *key_values)
{
	FoundKey	found = {0};

	found.key = canonical_key(net, key_values, &found.length);
	if (found.key == NULL)
		return found;
	found.hash = hash_bytes(found.key, found.length);
	found.row = find(net, found.hash, found.key, found.length);
	return found;
}

/* The row that was looked for, made where it is not there.  To be called once it is sure that the change can be taken. */
static NetRow *
make_row(NetTable *net, const FoundKey *found, const Value *key_values)
{
	NetRow	   *row = found->row;

	if (row != NULL)
		return row;
	if (net->count >= net->bucket_count)
		grow(net);
	if (net->count == net->capacity)
	{
		net->capacity = net->capacity == 0 ? 1024 : net->capacity * 2;
		net->rows = mem_realloc(net->rows, sizeof(NetRow *) * net->capacity);
	}
	row = arena_zalloc(net->arena, sizeof(NetRow));
	row->hash = found->hash;
	row->key = found->key == net->scratch ? arena_memdup(net->arena, found->key, found->length) : found->key;
	row->key_length = found->length;
	row->key_values = arena_memdup(net->arena, key_values, sizeof(Value) * (size_t) net->shape->key_count);
	if (net->shape->key_count == 1 && net->shape->key_kinds[0] == NET_KEY_INTEGER)
		row->order = read_integer(&key_values[0]);
	row->next = net->buckets[row->hash & (net->bucket_count - 1)];
	net->buckets[row->hash & (net->bucket_count - 1)] = row;
	net->rows[net->count++] = row;
	return row;
}

/* The later values over the earlier ones. */
static void
merge(Value *values, const Value *later, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (later[i].kind != VALUE_UNCHANGED)
			values[i] = later[i];
	}
}

static bool
is_complete(const Value *values, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (values[i].kind == VALUE_UNCHANGED)
			return false;
	}
	return true;
}



static void
new_key(const NetShape *shape, const Change *change, Value *key)
{
	for (int k = 0; k < shape->key_count; k++)
		key[k] = change->new_values[shape->key_columns[k]];
}

/* What names the row before the change. */
static void
old_key(const NetShape *shape, const Change *change, Value *key)
{
	for (int k = 0; k < shape->key_count; k++)
	{
		if (change->old_values != NULL && shape->old_index[k] >= 0)
			key[k] = change->old_values[shape->old_index[k]];
		else
			key[k] = change->new_values != NULL ? change->new_values[shape->key_columns[k]] : (Value) {NULL, 0, VALUE_UNCHANGED};
	}
}

static NetResult
put_insert(NetTable *net, const Value *key, Value *values)
{
	FoundKey	found = look(net, key);
	NetRow	   *row;

	if (found.key == NULL)
		return NET_NOT_POSSIBLE;
	if (found.row != NULL && found.row->state != NET_NOTHING)
		return NET_CONTRADICTION;
	row = make_row(net, &found, key);
	row->state = NET_INSERT;
	row->values = values;
	return NET_TAKEN;
}

/* Nothing is there any more; what the target had must go. */
static void
leave(NetRow *row)
{
	if (row->state != NET_INSERT)
		row->deletes = true;
	row->state = NET_NOTHING;
	row->values = NULL;
}

static NetResult
put_delete(NetTable *net, const Value *key)
{
	FoundKey	found = look(net, key);

	if (found.key == NULL)
		return NET_NOT_POSSIBLE;
	if (found.row != NULL && found.row->state == NET_NOTHING)
		return NET_CONTRADICTION;
	leave(make_row(net, &found, key));
	return NET_TAKEN;
}

/*
 * The whole row after a change of its key: from the change, from what was gathered before (earlier; NULL: nothing), and from the
 * old values.  NULL: a value is still not known.  Writes into a copy, so that a change that is not taken leaves no trace.
 */
static Value *
whole_row(const NetTable *net, const Change *change, const Value *earlier, const Value *key)
{
	const NetShape *shape = net->shape;
	const Relation *relation = change->relation;
	Value	   *values = change->new_values;

	if (is_complete(values, shape->column_count))
		return values;
	values = arena_memdup(net->arena, earlier != NULL ? earlier : values, sizeof(Value) * (size_t) shape->column_count);
	if (earlier != NULL)
		merge(values, change->new_values, shape->column_count);
	for (int k = 0; k < shape->key_count; k++)
		values[shape->key_columns[k]] = key[k];
	for (int i = 0; relation != NULL && i < relation->identity_count; i++)
	{
		Value	   *value = &values[relation->identity_columns[i]];

		if (value->kind == VALUE_UNCHANGED)
			*value = change->old_values[i];
	}
	return is_complete(values, shape->column_count) ? values : NULL;
}

/* The key changes: the row leaves its old place and comes up at the new one. */
static NetResult
move(NetTable *net, const Value *from, const Value *to, const Change *change)
{
	const NetShape *shape = net->shape;
	FoundKey	old = look(net, from);
	FoundKey	target;
	bool		is_ours = old.row != NULL && old.row->state == NET_INSERT;
	Value	   *values;
	NetRow	   *row;

	if (old.key == NULL)
		return NET_NOT_POSSIBLE;
	if (old.row != NULL && old.row->state == NET_NOTHING)
		return NET_CONTRADICTION;
	if (!is_ours && !shape->can_reinsert)
		return NET_NOT_POSSIBLE;
	values = whole_row(net, change, old.row != NULL ? old.row->values : NULL, to);
	if (values == NULL)
		return NET_NOT_POSSIBLE;
	target = look(net, to);
	if (target.key == NULL)
		return NET_NOT_POSSIBLE;
	/* The same row: its key is only written in another way. */
	if (target.row != NULL && target.row != old.row && target.row->state != NET_NOTHING)
		return NET_CONTRADICTION;

	/* Each look has the scratch space for itself, and a row made can be the other one's, too. */
	old = look(net, from);
	leave(make_row(net, &old, from));
	target = look(net, to);
	row = make_row(net, &target, to);
	row->state = NET_INSERT;
	row->values = values;
	return NET_TAKEN;
}

/* 1: the key changes, and to is the whole new one; 0: it does not; -1: not known. */
static int
key_changes(const NetShape *shape, const Value *from, Value *to)
{
	int			changes = 0;

	for (int k = 0; k < shape->key_count; k++)
	{
		if (to[k].kind == VALUE_UNCHANGED)
			to[k] = from[k];
		if (to[k].kind != VALUE_TEXT || from[k].kind != VALUE_TEXT)
			return -1;
		if (to[k].length != from[k].length || memcmp(to[k].data, from[k].data, to[k].length) != 0)
			changes = 1;
	}
	return changes;
}

static NetResult
put_update(NetTable *net, const Change *change)
{
	const NetShape *shape = net->shape;
	Value		from[NET_KEY_LIMIT];
	FoundKey	found;
	NetRow	   *row;

	old_key(shape, change, from);
	if (change->old_values != NULL)
	{
		Value		to[NET_KEY_LIMIT];
		int			changes;

		new_key(shape, change, to);
		changes = key_changes(shape, from, to);
		if (changes < 0)
			return NET_NOT_POSSIBLE;
		if (changes > 0)
			return move(net, from, to, change);
	}
	found = look(net, from);
	if (found.key == NULL)
		return NET_NOT_POSSIBLE;
	if (found.row != NULL && found.row->state == NET_NOTHING)
		return NET_CONTRADICTION;
	row = make_row(net, &found, from);
	if (row->state == NET_NOTHING)
	{
		row->state = NET_UPDATE;
		row->values = change->new_values;
	}
	else
		merge(row->values, change->new_values, shape->column_count);
	return NET_TAKEN;
}

NetResult
net_add(NetTable *net, const Change *change)
{
	const NetShape *shape = net->shape;
	Value		key[NET_KEY_LIMIT];

	if (shape->key_count == 0 || shape->key_count > NET_KEY_LIMIT || change->no_identity)
		return NET_NOT_POSSIBLE;
	switch (change->kind)
	{
		case CHANGE_INSERT:
			new_key(shape, change, key);
			return put_insert(net, key, change->new_values);
		case CHANGE_DELETE:
			old_key(shape, change, key);
			return put_delete(net, key);
		case CHANGE_UPDATE:
			return put_update(net, change);
		default:
			return NET_NOT_POSSIBLE;
	}
}

static int
compare_order(const void *left, const void *right)
{
	const NetRow *a = *(NetRow *const *) left;
	const NetRow *b = *(NetRow *const *) right;

	return a->order < b->order ? -1 : a->order > b->order;
}

static int
compare_keys(const void *left, const void *right)
{
	const NetRow *a = *(NetRow *const *) left;
	const NetRow *b = *(NetRow *const *) right;
	size_t		length = a->key_length < b->key_length ? a->key_length : b->key_length;
	int			order = memcmp(a->key, b->key, length);

	if (order != 0)
		return order;
	return a->key_length < b->key_length ? -1 : a->key_length > b->key_length;
}

NetRow **
net_sorted(NetTable *net)
{
	bool		by_number = net->shape->key_count == 1 && net->shape->key_kinds[0] == NET_KEY_INTEGER;
	int			(*compare) (const void *, const void *) = by_number ? compare_order : compare_keys;

	/* New rows mostly come in order. */
	for (size_t i = 1; i < net->count; i++)
	{
		if (compare(&net->rows[i - 1], &net->rows[i]) > 0)
		{
			qsort(net->rows, net->count, sizeof(NetRow *), compare);
			break;
		}
	}
	return net->rows;
}
