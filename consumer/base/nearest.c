/*
 * nearest.c
 *		Distance of two words: letters to insert, remove, replace, or two neighbours swapped.
 */
#include "base/nearest.h"

#include <string.h>

/* Longer words are not names of ours. */
#define MAX_WORD 40

static char
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char) (c - 'A' + 'a');
	return (c == '_') ? '-' : c;
}

static int
least(int a, int b)
{
	return (a < b) ? a : b;
}

static int
distance_of(const char *a, const char *b)
{
	int rows[3][MAX_WORD + 1];
	int a_length = (int) strlen(a);
	int b_length = (int) strlen(b);

	for (int j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (int i = 1; i <= a_length; i++)
	{
		int *row = rows[i % 3];
		const int *above = rows[(i - 1) % 3];
		const int *above_that = rows[(i + 1) % 3];

		row[0] = i;
		for (int j = 1; j <= b_length; j++)
		{
			char x = fold(a[i - 1]);
			char y = fold(b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == fold(b[j - 2]) && y == fold(a[i - 2]))
				row[j] = least(row[j], above_that[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

void
nearest_offer(Nearest *nearest, const char *candidate)
{
	size_t length = strlen(nearest->word);
	int distance;

	if (length > MAX_WORD || strlen(candidate) > MAX_WORD)
		return;
	distance = distance_of(nearest->word, candidate);
	if (distance <= (int) (length + 2) / 3 && (nearest->best == NULL || distance < nearest->distance))
	{
		nearest->best = candidate;
		nearest->distance = distance;
	}
}

const char *
nearest_best(const Nearest *nearest)
{
	return nearest->best;
}
