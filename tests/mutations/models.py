"""Faults of batches, modules, training, texts and measures."""

from __future__ import annotations

from mutations.mutation import Mutation

MUTATIONS = (
    # Batches and losses: padding, missing values.
    Mutation("batch.py", "time < self.lengths.unsqueeze(1)", "time <= self.lengths.unsqueeze(1)", "test_batch.py"),
    Mutation(
        "batch.py",
        "from_end = self.lengths.unsqueeze(1) - 1 - time",
        "from_end = self.values.shape[1] - 1 - time - 0 * self.lengths.unsqueeze(1)",
        "test_batch.py",
    ),
    Mutation(
        "batch.py", "torch.where(mask, self.values, torch.zeros_like(self.values))", "self.values", "test_batch.py"
    ),
    Mutation(
        "losses.py",
        "return error(steps.masked_fill(missing, 0.0)).masked_fill(missing, torch.nan)",
        "return error(steps.masked_fill(missing, 0.0))",
        "test_losses.py",
    ),
    Mutation("losses.py", "known.sum().clamp(min=1)", "known.numel()", "test_losses.py"),
    Mutation("losses.py", "* (-log_variance).exp()", "* log_variance.exp()", "test_losses.py"),
    # Modules.
    Mutation("modules/pooling.py", "batch.lengths - 1]", "-1]", "test_contract.py"),
    Mutation(
        "modules/pooling.py",
        "batch.mask_padding().values.sum(dim=1) / batch.lengths.unsqueeze(1)",
        "batch.values.sum(dim=1) / batch.lengths.unsqueeze(1)",
        "modules/test_pooling.py test_contract.py",
    ),
    Mutation(
        "modules/pooling.py",
        "lowest = torch.finfo(batch.values.dtype).min",
        "lowest = 0.0",
        "modules/test_pooling.py test_contract.py",
    ),
    Mutation(
        "modules/codes.py",
        "(mean.square() + log_variance.exp() - 1 - log_variance)",
        "(mean.square() + log_variance.exp() - 1)",
        "modules/test_codes.py",
    ),
    Mutation(
        "modules/codes.py",
        "if self.training:\n            mean = mean + torch",
        "if True:\n            mean = mean + torch",
        "modules/test_codes.py",
    ),
    Mutation("modules/codes.py", "kept = code.abs().topk", "kept = code.topk", "modules/test_codes.py"),
    Mutation("modules/codes.py", "return code + (bits - code).detach()", "return bits", "modules/test_codes.py"),
    # Data sets and samplers.
    Mutation(
        "datasets/sampler.py",
        "return [batches[index] for index in random.permutation(len(batches))]",
        "return batches",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "order = random.permutation(order)\n        if self.bucket",
        "if self.bucket",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "np.random.default_rng((self.seed, self.epoch))",
        "np.random.default_rng(self.seed)",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "return [batch[rank::world_size] for batch in batches]",
        "return [batch[: len(batch) // world_size] for batch in batches]",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "transforms/corruptions.py",
        "positions.masked_fill(_is_last(batch) | ~batch.mask, torch.inf)",
        "positions.masked_fill(~batch.mask, torch.inf)",
        "transforms/test_corruptions.py",
    ),
    Mutation(
        "transforms/corruptions.py",
        "(seed * 1_000_003 + epoch) * 1_000_003 + batch_idx",
        "seed * 1_000_003 + batch_idx",
        "transforms/test_corruptions.py",
    ),
    Mutation(
        "transforms/scaler.py",
        "scaled = (rows - self.mean_) / self.scale_",
        "scaled = (rows - self.mean_) / (self.scale_ + 1e-3)",
        "transforms/test_scaler.py",
    ),
    Mutation(
        "transforms/scaler.py",
        "np.square(difference) * count * number / total",
        "0 * difference",
        "transforms/test_scaler.py",
    ),
    # Training.
    Mutation(
        "anomaly/window_training.py",
        "_WindowDataset(windows[:count]), _WindowDataset(windows[count:])",
        "_WindowDataset(windows), _WindowDataset(windows[count:])",
        "anomaly/test_window_training.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "if latest <= min(self.valid_losses):",
        "if True:",
        "training/callbacks/test_best_weights.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "self._valid_sum += float(mean) * count",
        "self._valid_sum += float(mean)",
        "training/callbacks/test_best_weights.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "len(self.train_losses) - self.best_epoch >= self.patience",
        "len(self.train_losses) >= self.patience",
        "training/callbacks/test_best_weights.py",
    ),
    Mutation(
        "training/tasks/reconstruction.py",
        "output = self.model(inputs, targets=batch)",
        "output = self.model(batch, targets=batch)",
        "training/tasks/test_reconstruction.py",
    ),
    Mutation(
        "training/tasks/reconstruction.py",
        "losses = self.loss(output.prediction.steps, batch.steps)",
        "losses = self.loss(output.prediction.steps, inputs.steps)",
        "training/tasks/test_reconstruction.py",
    ),
    Mutation(
        "training/tasks/reconstruction.py",
        "+ of_codes * output.penalty.mean()",
        "",
        "training/tasks/test_reconstruction.py",
    ),
    Mutation(
        "training/annealing.py",
        "return min(1.0, done * self.cycles % 1 / self.rising)",
        "return min(1.0, done / self.rising)",
        "training/test_annealing.py",
    ),
    Mutation(
        "estimators/training.py",
        "return Split(np.sort(order[held_out:]), np.sort(order[:held_out]))",
        "return Split(np.sort(order), np.sort(order[:held_out]))",
        "estimators/test_training.py",
    ),
    Mutation(
        "evaluation/reconstruction_scores.py",
        "distance.square() * self.count * share",
        "0 * share",
        "evaluation/test_reconstruction_scores.py",
    ),
    # Artifacts.
    Mutation("artifact/folder.py", "if hashlib.sha256(data).hexdigest() == digest:", "if True:", "test_artifact.py"),
    Mutation(
        "artifact/checksum.py",
        "if data != body + _ENDING % hashlib.sha256(body).hexdigest().encode():",
        "if False:",
        "test_artifact.py",
    ),
    # Texts, search, generation.
    Mutation(
        "text/vocabulary.py",
        "key=lambda word: (-counts[word], word)",
        "key=lambda word: -counts[word]",
        "text/test_vocabulary.py",
    ),
    Mutation(
        "text/vocabulary.py",
        "end = ids.index(END) if END in ids else len(ids)",
        "end = len(ids)",
        "text/test_vocabulary.py",
    ),
    Mutation(
        "seq2seq/decoding.py",
        "return ((5 + length) / 6) ** self.length_penalty",
        "return 1.0",
        "seq2seq/test_decoding.py",
    ),
    Mutation(
        "seq2seq/decoding.py",
        "masked_fill(before >= self.top_p, 0)",
        "masked_fill(before > 1, 0)",
        "seq2seq/test_decoding.py",
    ),
    Mutation("retrieval.py", "own[~own.any(axis=1), -1] = True", "pass", "test_retrieval.py"),
    Mutation(
        "retrieval.py", "(np.cumsum(row) * row / ranks).sum()", "(np.cumsum(row) / ranks).sum()", "test_retrieval.py"
    ),
    Mutation(
        "evaluation/likelihood.py",
        "(noise.square() + log_variance - code.square())",
        "(log_variance - code.square())",
        "evaluation/test_likelihood.py",
    ),
    Mutation("batch.py", "steps.new_zeros(batch * time", "steps.new_ones(batch * time", "test_batch.py"),
    Mutation(
        "batch.py", "known is not None and known.version == _version(lengths)", "known is not None", "test_batch.py"
    ),
    Mutation(
        "training/tasks/bag_of_words.py",
        "torch.unique(on_host(bags.words)",
        "torch.unique((bags.words)",
        "test_synchronisation.py",
    ),
    Mutation(
        "batch.py",
        "extent.is_even and extent.longest == self.values.shape[1]",
        "extent.longest == self.values.shape[1]",
        "test_batch.py",
    ),
    Mutation(
        "losses.py",
        "mean, log_variance = predictions.chunk(2, dim=1)",
        "log_variance, mean = predictions.chunk(2, dim=1)",
        "test_losses.py",
    ),
    Mutation("losses.py", ', reduction="none", delta=self.delta)', ', reduction="none")', "test_losses.py"),
    Mutation(
        "modules/vector_quantization.py",
        "code + (found - code).detach()",
        "found",
        "modules/test_vector_quantization.py",
    ),
    Mutation(
        "training/mask_losses.py",
        "prediction = logits.softmax(dim=1) * known",
        "prediction = logits.softmax(dim=1)",
        "training/test_mask_losses.py",
    ),
    Mutation(
        "training/trainer.py",
        "gradient_clip_val=gradient_clip_val,",
        "gradient_clip_val=None,",
        "training/test_trainer.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "copy.deepcopy(task.state_dict())",
        "task.state_dict()",
        "training/callbacks/test_best_weights.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "self._rng_state = self._resumed_rng_state = states",
        "self._rng_state = states",
        "training/callbacks/test_foreign_trainer.py training/test_trainer.py",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "if count:  #",
        "if True:  #",
        "training/callbacks/test_best_weights.py",
    ),
    Mutation("training/callbacks/checkpoints.py", "[-MAX_CHECKPOINTS:]", "[-1:]", "training/test_trainer.py"),
    Mutation(
        "datasets/loader.py",
        "islice(self.batch_sampler, start, None)",
        "islice(self.batch_sampler, 0, None)",
        "datasets/test_loader.py",
    ),
    Mutation("datasets/loader.py", "self._batches_read % len(self)", "self._batches_read", "datasets/test_loader.py"),
    Mutation(
        "estimators/fitting.py",
        "fit(fresh)\n    estimator",
        "fit(fresh := estimator)\n    estimator",
        "estimators/test_fitting.py",
    ),
    Mutation("estimators/fitting.py", " if not _is_learnt(name)}", "}", "estimators/test_fitting.py"),
    Mutation(
        "estimators/training.py",
        "make_loader(SequenceDataset(train), batch_size, seed)",
        "make_loader(SequenceDataset(train), batch_size)",
        "estimators/test_training.py",
    ),
    Mutation(
        "estimators/training.py",
        "order = np.random.default_rng(seed).permutation(count)",
        "order = np.arange(count)",
        "estimators/test_training.py",
    ),
    Mutation(
        "_random_numbers.py",
        "torch.Generator(device).manual_seed(self.seed)",
        "torch.Generator(device).manual_seed(0)",
        "test_random_numbers.py",
    ),
    # Measures.
    Mutation(
        "evaluation/anomalies.py",
        "positives = labels.sum() + nearby / 2",
        "positives = labels.sum() + nearby",
        "evaluation/test_anomalies.py",
    ),
    Mutation(
        "evaluation/anomalies.py",
        "np.minimum((hits + nearby) / positives, 1) * detected",
        "np.minimum((hits + nearby) / positives, 1)",
        "evaluation/test_anomalies.py",
    ),
    Mutation("evaluation/anomalies.py", "np.minimum(weights, 1)", "weights", "evaluation/test_anomalies.py"),
    Mutation(
        "evaluation/anomalies.py", "merge_gap=2 * half - 1)", "merge_gap=2 * half)", "evaluation/test_anomalies.py"
    ),
    Mutation(
        "evaluation/anomalies.py",
        'margin // 2, side="right")',
        'margin // 2, side="left")',
        "evaluation/test_anomalies.py",
    ),
    Mutation(
        "evaluation/event_ranking.py",
        "(false > false_events)",
        "(false >= false_events)",
        "evaluation/test_event_ranking.py",
    ),
    Mutation(
        "evaluation/masks.py",
        "(guess == class_index) & (mask >= 0)",
        "guess == class_index",
        "evaluation/test_masks.py",
    ),
    # The Hugging Face Hub.
    Mutation(
        "artifact/places.py",
        're.match("hf:/", ',
        're.match("hf://", ',
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "allow_patterns=wanted, **versions",
        "**versions",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "revision=branch, commit_message",
        "commit_message",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "private=private, exist_ok=True",
        "exist_ok=True",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "{repository}@{commit.oid}",
        "{repository}@{branch or 'main'}",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "Path(path).suffix.lower()",
        "Path(path).suffix",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/hub.py",
        "DESCRIPTION: read_file(source / DESCRIPTION)",
        "DESCRIPTION: json.dumps(content).encode()",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/model_card.py",
        'text.replace("|", "\\\\|")',
        "text",
        "test_artifact_hub.py cli/test_push.py",
    ),
    Mutation(
        "artifact/model_card.py",
        'front |= {"license": self.license} if self.license else {}',
        'front |= {"license": self.license}',
        "test_artifact_hub.py cli/test_push.py",
    ),
)
