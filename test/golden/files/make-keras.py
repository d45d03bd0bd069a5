"""Writes keras.json: models that Keras saved as HDF5 (gzip, base64), and their outputs.

    python3 make-keras.py tf_keras >  keras2.json     # Keras 2: pip install tensorflow-cpu tf_keras
    KERAS_BACKEND=jax python3 make-keras.py keras > keras3.json     # Keras 3: pip install keras h5py jax
"""

import base64
import gzip
import importlib
import json
import os
import sys
import tempfile

import numpy as np

keras = importlib.import_module(sys.argv[1])
layers = keras.layers
random = np.random.default_rng(7)


def dense():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, activation="tanh", name="fc1"),
            layers.Dropout(0.5),
            layers.Dense(4, use_bias=False, activation="sigmoid", name="fc2"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="dense",
    )


def image():
    return keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            layers.ZeroPadding2D((2, 1)),
            layers.Conv2D(3, (5, 3), strides=2, activation="relu", name="c1"),
            layers.ZeroPadding2D(1, name="around"),
            layers.MaxPooling2D(3, strides=2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="out"),
        ],
        name="image",
    )


def functional():
    start = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="c1")(start)
    x = layers.BatchNormalization(name="bn1")(x)
    x = first = layers.ReLU(name="relu1")(x)
    x = layers.Conv2D(4, (3, 2), padding="same", name="c2")(x)
    x = layers.Add(name="sum")([x, first])
    x = layers.Activation("relu", name="relu2")(x)
    # As MobileNet and ResNet of keras.applications have it.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="below")(x)
    x = layers.Conv2D(5, 3, strides=2, name="c3")(x)
    x = layers.BatchNormalization(axis=3, epsilon=0.01, name="bn2")(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same", name="mean")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dense(3, name="out")(x)
    return keras.Model(start, layers.Softmax(name="probabilities")(x), name="functional")


def unknown():
    start = keras.Input((6, 6, 2))
    x = layers.ZeroPadding2D(1, name="zeros")(start)
    x = layers.AveragePooling2D(3, name="mean")(x)
    x = layers.DepthwiseConv2D(2, name="deep")(x)
    x = layers.LeakyReLU(name="leaky")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(2, activation="elu", kernel_regularizer="l2", name="out")(x)
    return keras.Model(start, x, name="unknown")


def saved(model, name, save):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        save(model)(path)
        with open(path, "rb") as file:
            return base64.b64encode(gzip.compress(file.read(), mtime=0)).decode()


found = {"version": keras.__version__}
for make in (dense, image, functional, unknown):
    model = make()
    model.set_weights([random.uniform(0.2, 0.8, w.shape) * random.choice([-1, 1], w.shape)
                       if w.ndim > 1 else random.uniform(0.1, 0.9, w.shape)
                       for w in model.get_weights()])
    shape = model.inputs[0].shape[1:]
    i = np.arange(2 * int(np.prod(shape)))
    x = (((i * 37) % 101) / 101 - 0.4).astype(np.float32).reshape(2, *shape)
    y = np.asarray(model.predict(x, verbose=0), np.float64)
    found[model.name] = {
        "h5": saved(model, "model.h5", lambda m: m.save),
        "input": list(shape),
        "outputs": [[float(v) for v in row] for row in y],
    }
found["weights"] = saved(dense(), "model.weights.h5", lambda m: m.save_weights)
print(json.dumps(found, indent=1))
