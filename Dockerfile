# cytoloom for jobs of a cluster: everything that predict, measure, evaluate, train and run need.
#
#   docker build -t cytoloom .
#   docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD:/data" cytoloom \
#       predict nuclei.cytoloom big.zarr --out big.zarr/labels/nuclei
#
# Packages come when the image is built; what runs in it asks no network for anything. On a cluster
# without Docker: apptainer build cytoloom.sif docker-daemon://cytoloom:latest
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
COPY pyproject.toml README.md LICENSE.md MANIFEST.in /source/
COPY python /source/python
RUN python -m venv /opt/cytoloom \
    && /opt/cytoloom/bin/pip install --no-cache-dir \
        "/source[cpu,fast,volumes,cluster,runs,parquet,report,affinities,vendor,export]" \
    && /opt/cytoloom/bin/python -m compileall -q /opt/cytoloom/lib

FROM python:${PYTHON}-slim
COPY --from=build /opt/cytoloom /opt/cytoloom
# any user, with a home that cannot be written to: what packages cache goes to /tmp
ENV PATH=/opt/cytoloom/bin:$PATH \
    HOME=/tmp \
    KERAS_HOME=/tmp/keras \
    MPLCONFIGDIR=/tmp/matplotlib \
    DASK_CONFIG=/tmp/dask
RUN cytoloom doctor
WORKDIR /data
ENTRYPOINT ["cytoloom"]
CMD ["--help"]
