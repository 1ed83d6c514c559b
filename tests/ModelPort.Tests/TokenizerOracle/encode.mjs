// Answers what Hugging Face's tokenizers library makes of texts. Reads one JSON request from standard input,
//   [{ "file" or "json": a tokenizer.json, "texts": [...] }, ...]
// and writes one JSON line for each: { "ids", "withSpecial", "decoded" }, lists in the order of the texts, or { "error" }.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";

const { Tokenizer } = createRequire(import.meta.url)("tokenizers");

for (const { file, json, texts } of JSON.parse(readFileSync(0, "utf8"))) {
    write(await answer(file ? readFileSync(file, "utf8") : json, texts));
}

async function answer(json, texts) {
    try {
        const tokenizer = Tokenizer.fromString(json);
        // Files may ask for these; transformers switches them off.
        tokenizer.disableTruncation();
        tokenizer.disablePadding();
        const encode = async (addSpecialTokens) =>
            (await tokenizer.encodeBatch(texts, { addSpecialTokens })).map((encoding) => encoding.getIds());
        const ids = await encode(false);
        return { ids, withSpecial: await encode(true), decoded: await tokenizer.decodeBatch(ids, false) };
    } catch (error) {
        return { error: String(error) };
    }
}

function write(value) {
    const bytes = Buffer.from(JSON.stringify(value) + "\n");
    for (let done = 0; done < bytes.length;) {
        done += writeSync(1, bytes, done);
    }
}
