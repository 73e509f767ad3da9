// Makes of OpenAI's vocabularies the file that src/chat/vocabulary.c reads as it is:
//   node tools/vocabulary.mjs PACKAGE.tgz INTEGRITY OUT
//
// All numbers are little-endian; places are counted from the start of the file.
//
//   0   "GPTOKEN1"
//   8   u32 place of pages: u8 [0x1100], which block of 256 code points has which classes
//   12  u32 place of blocks: u8 [][256], classes of one code point each
//   16  u32 places of the vocabularies o200k_base, cl100k_base
//
// A vocabulary is u32 longest, then for each length 1..longest of its tokens four u32:
//   entries   place: [slots] of the token's bytes and its rank (u24); a free one has rank 0xffffff
//   slots     how many there are
//   pilots    place: u16 [buckets]
//   buckets   how many there are; 0: there are no tokens of that length
// where a token's slot follows from its hash and the pilot of its bucket, which was chosen so
// that no two share one ("hash and displace"): a look-up reads one pilot and one entry.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const [, , archive, integrity, out] = process.argv;

// The digests that OpenAI gives for its files (tiktoken_ext/openai_public.py).
const vocabularies = [
    ['o200k_base', '446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d'],
    ['cl100k_base', '223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7'],
];

const FREE = 0xffffff;
const MULTIPLIER = 0x9e3779b97f4a7c15n;

function check(what, algorithm, encoding, bytes, wanted) {
    const found = createHash(algorithm).update(bytes).digest(encoding);
    if (found !== wanted) throw new Error(`${what}: ${algorithm} is ${found}, not ${wanted}`);
}

function readTokens(name, digest) {
    const path = `package/data/${name}.tiktoken`;
    const text = execFileSync('tar', ['-xzOf', archive, path], { maxBuffer: 1 << 26 });
    check(name, 'sha256', 'hex', text, digest);
    return text.toString('latin1').split('\n').filter(Boolean).map((line) => {
        const [base64, rank] = line.split(' ');
        return { bytes: Buffer.from(base64, 'base64'), rank: Number(rank) };
    });
}

// As hash() of vocabulary.c.
function hash(bytes) {
    const padded = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
    let h = 0n;
    bytes.copy(padded);
    for (let at = 0; at < padded.length; at += 8) {
        h = BigInt.asUintN(64, (h ^ padded.readBigUInt64LE(at)) * MULTIPLIER);
        h ^= h >> 32n;
    }
    h = BigInt.asUintN(64, h * MULTIPLIER);
    h ^= h >> 32n;
    return { high: Number(h >> 32n), low: Number(h & 0xffffffffn) };
}

// A number below `count`, in proportion.
const scale = (number, count) => Math.floor((number * count) / 2 ** 32);

// As slot_of() of vocabulary.c.
function slotOf(low, pilot, slots) {
    let x = Math.imul(low ^ Math.imul(pilot, 0x85ebca6b), 0xc2b2ae35);
    x ^= x >>> 15;
    return scale(Math.imul(x, 0x27d4eb2f) >>> 0, slots);
}

// The first pilot by which all of the bucket's tokens get free slots of their own.
function choosePilot(lows, taken) {
    for (let pilot = 0; pilot <= 0xffff; pilot++) {
        let placed = 0;
        while (placed < lows.length) {
            const slot = slotOf(lows[placed], pilot, taken.length);
            if (taken[slot]) break;
            taken[slot] = 1;
            placed++;
        }
        if (placed === lows.length) return pilot;
        while (placed--) taken[slotOf(lows[placed], pilot, taken.length)] = 0;
    }
    throw new Error('a bucket finds no free slots');
}

// The largest buckets choose first.
function placeTokens(tokens, slots, bucketCount) {
    const buckets = Array.from({ length: bucketCount }, (_, index) => ({ index, tokens: [] }));
    const pilots = new Uint16Array(bucketCount), taken = new Uint8Array(slots);
    const placed = new Array(slots).fill(null);

    for (const token of tokens) {
        const { high, low } = hash(token.bytes);
        buckets[scale(high, bucketCount)].tokens.push({ ...token, low });
    }
    buckets.sort((a, b) => b.tokens.length - a.tokens.length || a.index - b.index);
    for (const bucket of buckets) {
        const pilot = choosePilot(bucket.tokens.map((token) => token.low), taken);
        for (const token of bucket.tokens) placed[slotOf(token.low, pilot, slots)] = token;
        pilots[bucket.index] = pilot;
    }
    return { pilots, placed };
}

// What chat/vocabulary.h calls them.  \s is Unicode's White_Space, as in OpenAI's own code, which
// JavaScript's is not.
const classes = [
    [/\p{L}/u, 1],
    [/[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]/u, 2],
    [/[\p{Ll}\p{Lm}\p{Lo}\p{M}]/u, 4],
    [/\p{N}/u, 8],
    [/\p{White_Space}/u, 16],
    [/[\r\n]/, 32],
];

function classesOf(codePoint) {
    const text = String.fromCodePoint(codePoint);
    return classes.reduce((sum, [pattern, bit]) => sum | (pattern.test(text) ? bit : 0), 0);
}

class Output {
    parts = [];
    length = 0;

    add(bytes) {
        const at = this.length;
        this.parts.push(Buffer.from(bytes));
        this.length += bytes.length;
        if (this.length % 4) this.add(Buffer.alloc(4 - (this.length % 4)));
        return at;
    }
}

function addClasses(output) {
    const blocks = [], pages = Buffer.alloc(0x1100), seen = new Map();
    for (let page = 0; page < pages.length; page++) {
        const block = Buffer.from(Array.from({ length: 256 }, (_, i) => classesOf(page * 256 + i)));
        const key = block.toString('latin1');
        if (!seen.has(key)) seen.set(key, blocks.push(block) - 1);
        pages[page] = seen.get(key);
    }
    if (blocks.length > 256) throw new Error('too many kinds of blocks for u8');
    return [output.add(pages), output.add(Buffer.concat(blocks))];
}

function addLength(output, tokens, length) {
    if (!tokens.length) return [0, 0, 0, 0];
    const slots = Math.ceil(tokens.length * 1.01), buckets = Math.ceil(tokens.length / 5);
    const { pilots, placed } = placeTokens(tokens, slots, buckets);
    const entries = Buffer.alloc(slots * (length + 3));
    placed.forEach((token, slot) => {
        const at = slot * (length + 3);
        token?.bytes.copy(entries, at);
        entries.writeUIntLE(token ? token.rank : FREE, at + length, 3);
    });
    const pilotBytes = Buffer.alloc(buckets * 2);
    pilots.forEach((pilot, i) => pilotBytes.writeUInt16LE(pilot, i * 2));
    return [output.add(entries), slots, output.add(pilotBytes), buckets];
}

function addVocabulary(output, tokens) {
    const longest = tokens.reduce((most, token) => Math.max(most, token.bytes.length), 0);
    const byLength = Array.from({ length: longest + 1 }, () => []);
    for (const token of tokens) byLength[token.bytes.length].push(token);
    const numbers = [longest];
    for (let length = 1; length <= longest; length++) {
        numbers.push(...addLength(output, byLength[length], length));
    }
    const bytes = Buffer.alloc(numbers.length * 4);
    numbers.forEach((number, i) => bytes.writeUInt32LE(number, i * 4));
    return output.add(bytes);
}

check(archive, 'sha512', 'base64', readFileSync(archive), integrity.replace(/^sha512-/, ''));
const output = new Output();
const head = Buffer.alloc(24);
head.write('GPTOKEN1', 'latin1');
output.add(head);
const places = addClasses(output);
for (const [name, digest] of vocabularies) {
    places.push(addVocabulary(output, readTokens(name, digest)));
}
const file = Buffer.concat(output.parts);
places.forEach((place, i) => file.writeUInt32LE(place, 8 + i * 4));
writeFileSync(out, file);
