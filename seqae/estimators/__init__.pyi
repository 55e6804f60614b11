from .learning_report import LearningReport as LearningReport
from .sequence_autoencoder import SequenceAutoencoder as SequenceAutoencoder
from .sequence_classifier import SequenceClassifier as SequenceClassifier
from .sequence_encoder import SequenceEncoder as SequenceEncoder
