#include "register_list.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/limits.h"

enum { CHUNK = 64 * 1024 };

struct list_reader {
	FILE *file;
	EVP_MD_CTX *digest; /* NULL: not wanted */
	size_t at, filled;
	uint64_t line;
	char chunk[CHUNK];
	char text[LIMIT_LINE + 1];
};

static EVP_MD_CTX *digest_new(void)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	if (digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1)
		return digest;
	EVP_MD_CTX_free(digest);
	return NULL;
}

static enum status digest_end(EVP_MD_CTX *digest, char ret_sha256[SHA256_TEXT])
{
	unsigned char octet[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(digest, octet, NULL) != 1)
		return ST_NO_MEMORY;
	text_digest_hex(octet, ret_sha256);
	return ST_OK;
}

enum status list_digest_text(const char *text, char ret_sha256[SHA256_TEXT])
{
	return text_sha256_hex(text, strlen(text), ret_sha256) ? ST_OK : ST_NO_MEMORY;
}

static enum status digest_rest(FILE *file, EVP_MD_CTX *digest, struct list_digest *ret_digest)
{
	char chunk[16 * 1024], last = '\n';
	uint64_t lines = 0;
	enum status status;
	size_t length;

	while ((length = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		const char *c = chunk;

		if (EVP_DigestUpdate(digest, chunk, length) != 1)
			return ST_NO_MEMORY;
		while ((c = memchr(c, '\n', (size_t)(chunk + length - c))) != NULL) {
			lines++;
			c++;
		}
		last = chunk[length - 1];
	}
	if (ferror(file))
		return ST_SYSTEM;
	status = digest_end(digest, ret_digest->sha256);
	if (status == ST_OK)
		ret_digest->lines = lines + (last != '\n');
	return status;
}

enum status list_digest(FILE *file, struct list_digest *ret_digest)
{
	EVP_MD_CTX *digest;
	enum status status;
	struct stat st;
	off_t start;

	if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode))
		return ST_NOT_FOUND;
	start = ftello(file);
	if (start < 0)
		return ST_NOT_FOUND;
	digest = digest_new();
	if (digest == NULL)
		return ST_NO_MEMORY;
	status = digest_rest(file, digest, ret_digest);
	EVP_MD_CTX_free(digest);
	if (status == ST_OK && fseeko(file, start, SEEK_SET) != 0)
		status = ST_SYSTEM;
	return status;
}

struct list_reader *list_reader_new(FILE *file, bool digest)
{
	struct list_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->file = file;
	if (!digest)
		return reader;
	reader->digest = digest_new();
	if (reader->digest != NULL)
		return reader;
	free(reader);
	return NULL;
}

void list_reader_free(struct list_reader *reader)
{
	if (reader == NULL)
		return;
	EVP_MD_CTX_free(reader->digest);
	free(reader);
}

static enum status fill(struct list_reader *reader)
{
	reader->at = 0;
	reader->filled = fread(reader->chunk, 1, sizeof(reader->chunk), reader->file);
	if (ferror(reader->file))
		return ST_SYSTEM;
	if (reader->digest != NULL && EVP_DigestUpdate(reader->digest, reader->chunk, reader->filled) != 1)
		return ST_NO_MEMORY;
	return reader->filled > 0 ? ST_OK : ST_NOT_FOUND;
}

enum status list_reader_next(struct list_reader *reader, struct list_line *ret_line)
{
	struct list_line line = {.text = reader->text, .line = reader->line + 1};
	bool begun = false, ended = false;
	enum status status;

	while (!ended) {
		const char *start, *end;
		size_t length, room = LIMIT_LINE - line.length;

		if (reader->at == reader->filled) {
			status = fill(reader);
			if (status == ST_NOT_FOUND && begun)
				break;
			if (status != ST_OK)
				return status;
		}
		begun = true;
		start = reader->chunk + reader->at;
		end = memchr(start, '\n', reader->filled - reader->at);
		ended = end != NULL;
		length = ended ? (size_t)(end - start) : reader->filled - reader->at;
		reader->at += length + ended;
		line.cut |= length > room;
		length = length > room ? room : length;
		memcpy(reader->text + line.length, start, length);
		line.length += length;
	}
	reader->text[line.length] = '\0';
	reader->line++;
	*ret_line = line;
	return ST_OK;
}

enum status list_reader_sha256(struct list_reader *reader, char ret_sha256[SHA256_TEXT])
{
	return reader->digest == NULL ? ST_NOT_FOUND : digest_end(reader->digest, ret_sha256);
}
