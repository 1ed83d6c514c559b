// Answers what Hugging Face's tokenizers library, or SentencePiece, makes of texts. Reads one JSON request from standard input,
//   [{ "file": a tokenizer.json or a SentencePiece model (.model), "texts": [...] }, ...]
// and writes one JSON line for each: { "ids", "withSpecial", "decoded" }, lists in the order of the texts, or { "error" }.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";
import { SentencePieceProcessor } from "@agnai/sentencepiece-js";

const { Tokenizer } = createRequire(import.meta.url)("tokenizers");

for (const { file, texts } of JSON.parse(readFileSync(0, "utf8"))) {
    try {
        write(await (file.endsWith(".model") ? askSentencePiece(file, texts) : askHuggingFace(file, texts)));
    } catch (error) {
        write({ error: String(error) });
    }
}

async function askHuggingFace(file, texts) {
    const tokenizer = Tokenizer.fromString(readFileSync(file, "utf8"));
    // Files may ask for these; transformers switches them off.
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    const encode = async (addSpecialTokens) =>
        (await tokenizer.encodeBatch(texts, { addSpecialTokens })).map((encoding) => encoding.getIds());
    const ids = await encode(false);
    return { ids, withSpecial: await encode(true), decoded: await tokenizer.decodeBatch(ids, false) };
}

async function askSentencePiece(file, texts) {
    const processor = new SentencePieceProcessor();
    await processor.load(file);
    const ids = texts.map((text) => [...processor.encodeIds(text)]);
    return { ids, withSpecial: ids, decoded: ids.map((list) => processor.decodeIds(list)) };
}

function write(value) {
    const bytes = Buffer.from(JSON.stringify(value) + "\n");
    for (let done = 0; done < bytes.length;) {
        done += writeSync(1, bytes, done);
    }
}
